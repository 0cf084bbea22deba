package forge

import (
	"testing"

	"tandem/internal/harness/testbed/bubbles"
)

func TestMain(m *testing.M) { bubbles.Main(m) }
