// Package stage sets up a small server to deploy to: a Git repository with
// examples/minimal in it, a registry with images of the shop, an Nginx with a site
// for it, and the configuration of an agent that looks after it. The demo and the
// end-to-end tests play on it; everything on it is real, on loopback, and gone
// after Close.
//
// Start with New. Then Build makes releases, Desire and Push say what should
// run, and Published reads what the agent made of it. Options add services that
// record when they run; Records reads that.
package stage
