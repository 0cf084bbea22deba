// Package synctestutil makes testing/synctest safe under the race detector. Call Main
// in the TestMain of a package that has many bubbles.
//
// All threads share one context of the race detector for the timers of a bubble
// (unlockAndRun in Go's runtime/time.go, as of Go 1.26). Two timers that fire on two
// processors at once, one because its time has come and the other because somebody
// looks at its channel, garble it, and the detector crashes with a SIGSEGV in
// StackDepot::Put. On one processor that cannot be. Races are found all the same:
// the detector goes by what is ordered, not by what happens at the same time.
package synctestutil

import (
	"os"
	"runtime"
	"testing"
)

// Main runs the tests of a package on one processor, and ends the process.
func Main(m *testing.M) {
	runtime.GOMAXPROCS(1)
	os.Exit(m.Run())
}
