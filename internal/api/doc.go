// Package api is the agent's small HTTP interface, on the loopback address
// `listen`, and the client that the command line talks to it with.
//
// It has no passwords: whoever can open a connection from this machine may ask
// and act, as with any local socket. What it must withstand is a browser on
// this machine that was sent here by a hostile page; guard.go says how. The one
// endpoint that is meant to be reached from outside, through Nginx, is the Git
// server's webhook, and all it can do is make the agent look sooner.
//
// Start with Control, which is what the server needs of the agent, then Server
// and Client.
package api
