// Package api is the agent's small HTTP interface, on the address `listen`, and
// the client that the command line talks to it with.
//
// On loopback it needs no password: whoever can open a connection from this
// machine may ask and act, as with any local socket. What it must withstand then
// is a browser on this machine that was sent here by a hostile page; guard.go
// says how. With a token, which the configuration demands where others can reach
// the address, it answers only those who know it; see token.go. The one endpoint
// that is meant to be reached from outside, through Nginx, is the Git server's
// webhook, and all it can do is make the agent look sooner.
//
// Start with Control, which is what the server needs of the agent, then Server
// and Client.
package api
