package compose_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"testing"

	"tandem/internal/harness/testbed"
)

// TestMain removes what the tests kept for each other.
func TestMain(m *testing.M) {
	code := m.Run()
	if err := kept.Remove(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, "remove what the tests shared:", err)
		code = max(code, 1)
	}
	os.Exit(code)
}

// keptProbe is the name of an image with the probe. As long as it is there, the engine
// need not unpack the same layer for each test. Another run of the same tests may be
// under way on this engine.
var (
	keptProbe = fmt.Sprintf("ct-kept-%06x:1", rand.N(1<<24))
	kept      testbed.CachedImages
)
