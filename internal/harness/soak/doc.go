// Soak lets an agent live through a random walk of what can happen to it, under a
// steady load, and checks what tandem promises after every step. The walk is that of
// a seed: the same seed takes the same steps, though not in the same milliseconds.
//
// Start in walk.go; steps.go and machine.go have what can happen, invariants.go what
// must hold, and shortest.go how the story of a failure is made shorter.
// The stage is that of the end-to-end tests, internal/harness/stage, and the agent is the
// released program as a process of its own. All of it runs in a network of its own,
// because a second Docker engine would spoil that of the machine: see testbed.Reexec.
package main
