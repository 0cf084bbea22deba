package agent

import (
	"testing"

	"tandem/internal/harness/testbed"
	"tandem/internal/harness/testbed/synctestutil"
)

// TestMain lets the tests' own program make the trials of the agents in it.
func TestMain(m *testing.M) {
	testbed.Trial(Trial, TrialCommand)
	synctestutil.Main(m)
}
