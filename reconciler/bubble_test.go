package reconciler

import (
	"testing"

	"tandem/internal/testbed/bubbles"
)

func TestMain(m *testing.M) { bubbles.Main(m) }
