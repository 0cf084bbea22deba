package project_test

import (
	"os"
	"runtime"
	"testing"
)

// TestMain makes a trial where the arguments name one: the tests are the program that a
// trial starts.
func TestMain(m *testing.M) {
	runTrial()
	os.Exit(m.Run())
}

// allocated is how many bytes this process has ever asked for.
func allocated() uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.TotalAlloc
}
