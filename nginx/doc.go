// Package nginx sends traffic, and tells what became of it: it is the
// reconciler.Router, Backup, ProxyProber and AccessLog over a real Nginx, on this host or
// in a container.
//
// # Where to begin
//
// New (proxy.go) checks the options. Proxy.Prepare (prepare.go) makes the generated files
// what they should be: Proxy.diff finds out how things are and what has to be written,
// Proxy.load writes it, has Nginx test it, reloads, and waits until it is in force.
// Proxy.Flip and Proxy.Confirm (traffic.go) move the traffic.
//
// What the files say is pure: render.go has them, with groups.go for the upstreams,
// confirm.go for the confirm server, access.go for what a stack may not be asked yet,
// and names.go for all names. How they get onto the disk, and off it when Nginx refuses
// them, is in files.go. Apps that come at once share a reload: batch.go.
//
// A site is a person's own file. Whether it includes the generated files is in
// includes.go, whether it passes requests to the app in site.go, and what becomes of a
// route that it still uses and the app has no more in removedroutes.go. What `tandem plan`
// asks changes nothing: check.go.
//
// # How traffic moves
//
// In flip mode a request is sent to the color that a flag file names at this
// moment. Proxy.Flip creates or removes that file (flag.go), and nothing is reloaded. In
// reload mode Flip rewrites the upstream, tests it, and reloads.
//
// A second flag file chooses groups in which the other color is the backup:
// Proxy.SetBackup creates and removes it, see backup.go.
//
// # What became of it
//
// Proxy.Traffic sums up the access log, which package accesslog reads.
// Proxy.ProbeLive asks through the confirm server, which knows the way to each route.
// Proxy.Connections (connections.go) counts what is still open to a stack.
//
// # Who is believed
//
// Nginx. A generated server on a loopback address answers with the color that
// the running worker would use, the generation of the files that it was started
// with, and its process id. Live and Confirm ask there (ask.go), each time over a new
// connection; no file of ours says what is live.
//
// # What it does not know
//
// Compose, and Docker's client. Where a stack's containers are reached is told by
// Options.Endpoint, and Nginx's own container is a Container: container.go.
package nginx
