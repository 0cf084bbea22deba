// Package deploy is the pure heart of tandem: what an app is, what may be done to it, and
// in which order. It has no clock, no I/O and no randomness, and imports the standard
// library only, so that everything in it can be enumerated by a test.
//
// # Where to start
//
// Read Plan first: everything that tandem ever does to a server is one of its steps, or of
// PlanUnasked while Nginx cannot be asked. It decides on the App that git asks for, on
// Observed (the world as it was just looked at) and on Memory (the little that can be seen
// nowhere else). Judge is the other decision: whether the figures of a watch speak against
// a release. Reason is the word for all of it, and Status what people read.
//
// # The order of the steps, and why
//
// Park, Up, Gate, Flip, Confirm, Watch, Drain, Retire. Every prefix of it is
// safe, so being killed between any two steps, or in the middle of one, costs
// nothing but time:
//
//   - Up fills a color that has no traffic. The live stack is not touched.
//   - Gate comes right before Flip, and its pass is kept in one process only:
//     after a restart the stack has to prove itself again.
//   - What passed is given to Nginx when the world is looked at next: until then the
//     app's routes are down there, see Access.
//   - Flip writes, Confirm asks the running Nginx. Only Confirm writes into the
//     memory that a release is live, so the memory never runs ahead of the world.
//   - Watch leaves the other stack alone, because that is the way back.
//   - Drain and Retire come when nobody needs that stack any more.
//
// # What is remembered
//
// Judgements (Memory) are remembered, the world (Observed) is looked at again.
// Taking a release back is not a path of its own: the watch records a
// rejection, and the plan for a rejected release is the way back.
package deploy
