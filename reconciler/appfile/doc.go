// Package appfile reads a tandem.yaml into a deploy.App: strictly, with every default
// filled in, and with every mistake found at once, each with its line and what to write
// instead. Nothing after it looks at the file again.
//
// Start with ParseApp. Each key is read in the file of its part: routes.go, policies.go
// (gate, watch, drain, standby), names.go (services and files), schedule.go and window.go.
// collisions.go finds what two apps of one repository may not both have.
package appfile
