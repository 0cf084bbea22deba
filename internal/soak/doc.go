// Soak lets an agent live through a random walk of what can happen to it, under a
// steady load, and checks what tandem promises after every step. The walk is that of
// a seed: the same seed takes the same steps, though not in the same milliseconds.
//
// Start in walk.go; steps.go has what can happen, and invariants.go what must hold.
// The stage is that of the end-to-end tests, internal/stage, and the agent is the
// released program as a process of its own.
package main
