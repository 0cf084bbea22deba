// Package nginx sends traffic, and tells what became of it: it is the
// reconciler.Router, Backup, Visitor and Meter over a real Nginx, on this host or in
// a container.
//
// Start with New, then Proxy.Prepare, which makes the generated files what they
// should be. What those files say is in render.go, groups.go and confirm.go, and
// is pure.
//
// # How traffic moves
//
// In flip mode a request is sent to the color that a flag file names at this
// moment. Proxy.Flip creates or removes that file, and nothing is reloaded. In
// reload mode Flip rewrites the upstream, tests it, and reloads.
//
// A second flag file chooses groups in which the other color is the backup:
// Proxy.Arm creates and removes it, see backup.go.
//
// # What became of it
//
// Proxy.Traffic sums up the access log, which package accesslog reads.
// Proxy.Probe asks through the confirm server, which knows the way to each route.
//
// # Who is believed
//
// Nginx. A generated server on a loopback address answers with the color that
// the running worker would use, the generation of the files that it was started
// with, and its process id. Live and Confirm ask there, each time over a new
// connection; no file of ours says what is live.
package nginx
