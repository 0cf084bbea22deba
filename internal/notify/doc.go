// Package notify tells people what happened: a release became live, was turned
// down or taken back, files were refused, an app is degraded, and when that is
// over.
//
// Start with Notifier. It hears the agent's events in Handle, which never waits for
// anything, and does the rest in Run, in one goroutine that owns all that there
// is to know:
//
//   - tracker.go decides what is worth telling. The same trouble is told once, then
//     hourly while it lasts, then once when it is over. It has no clock and does
//     no I/O.
//   - message.go finds the words.
//   - receivers.go reads the file with the addresses, and outbox.go holds what each
//     of them has not had yet. A receiver that hangs delays nobody else.
//   - journal.go keeps the tracker and the outbox on disk, so that a restart neither
//     tells anything twice nor loses it.
//   - shoutrrr.go sends. An address is a secret, and so is all that a library says
//     of it: what is logged is put together from a list of known causes.
package notify
