// Command tandem-demo plays the whole story of tandem on this machine and removes
// everything at the end. It is what `make demo` runs.
//
// It is a program of its own, so that the shipped tandem carries no test bed. Start in
// main.go; the story is told by internal/harness/demo.
package main
