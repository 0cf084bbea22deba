// Bench measures what tandem promises, beside what people use instead, and writes
// the figures down. Everything that is compared runs in the same minutes on the
// same machine, in turns: a figure of another day or another machine says nothing
// about the difference.
//
// Start in main.go, which lists the measurements; each has a file of its own
// (switches.go, releases.go, rollbacks.go, flagcost.go, idle.go). A candidate is one
// way to deploy: tandem.go and script.go. What they are fed with is
// internal/harness/load, and what they play on is internal/harness/stage. The page,
// docs/performance.md, is kept section by section: report.go.
package main
