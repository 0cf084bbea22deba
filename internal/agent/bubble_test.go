package agent

import (
	"testing"

	"tandem/internal/harness/testbed"
	"tandem/internal/harness/testbed/synctestutil"
	"tandem/internal/validate"
)

// TestMain lets the tests' own program make the trials of the agents in it.
func TestMain(m *testing.M) {
	testbed.Trial(validate.Trial, validate.TrialCommand)
	synctestutil.Main(m)
}
