package nginx_test

import (
	"os"
	"testing"
)

// TestMain lets a test run this very binary as a process that is killed.
func TestMain(m *testing.M) {
	if os.Getenv("CRASH_DIR") != "" {
		prepareAndBeKilled()
		return
	}
	os.Exit(m.Run())
}
