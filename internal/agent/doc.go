// Package agent puts the parts together: it is the one place that knows git,
// Docker and Nginx at the same time.
//
// Start with New, which wires everything and changes nothing, and Agent.Run,
// which works until its context ends. Three things run side by side: the poll
// (poll.go) that offers each new commit to the apps, one reconciler.Runner an app
// (apps.go), and the listeners of their events (listeners.go: the log, the status,
// the metrics, the notifications), which can delay nobody.
package agent
