package reconciler

import (
	"testing"

	"tandem/internal/harness/testbed/synctestutil"
)

func TestMain(m *testing.M) { synctestutil.Main(m) }
