// Package reconciler is the loop that makes the world what git asks for. It knows neither
// Git nor Docker nor Nginx; it declares in ports.go what it needs of them. What is decided,
// and in which words, is package deploy; tandem.yaml is read by package appfile.
//
// # Where to start
//
// Read Runner.pass: it observes (observe.go), asks deploy.Plan, does the first step
// (execute.go, the one switch over the steps) and looks again. Nothing is kept of a plan:
// it is computed afresh after every step, every event and every start, so that being killed
// anywhere is the same as being started there. gate.go and watch.go are the two long steps;
// outcome.go says what people read, on every way out.
package reconciler
