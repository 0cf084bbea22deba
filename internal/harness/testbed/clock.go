package testbed

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// Jump is what happens to the clock of a program that GoBinaryWithClock built: after
// a time from its start it is set forward, or back, by so much.
type Jump struct{ After, By time.Duration }

// Environ is the jump as the program's environment.
func (j Jump) Environ() []string {
	return []string{fmt.Sprintf("%s=%d", jumpAfter, j.After), fmt.Sprintf("%s=%d", jumpBy, j.By)}
}

const jumpAfter, jumpBy = "TESTBED_CLOCK_AFTER", "TESTBED_CLOCK_BY" // nanoseconds

// The place in the standard library where every program reads the clock, and what is
// put there: Linux has a clock for all programs together, and nobody wants to set that.
const (
	readsClock = "	sec, nsec, mono := runtimeNow()\n"
	jumps      = "	if clockBy != 0 && mono-startNano >= clockAfter {\n		sec += clockBy / 1e9\n	}\n"
	jumpData   = `
var clockAfter, clockBy = clockSetting("` + jumpAfter + `"), clockSetting("` + jumpBy + `")

func clockSetting(name string) (n int64) {
	text, _ := syscall.Getenv(name)
	sign := int64(1)
	for _, c := range text {
		if c == '-' {
			sign = -1
		} else {
			n = n*10 + int64(c-'0')
		}
	}
	return sign * n
}
`
)

// GoBinaryWithClock is GoBinary with a clock that jumps as Jump.Environ says. The
// first build compiles the whole standard library anew, which takes minutes.
func GoBinaryWithClock(ctx context.Context, dir string) (string, error) {
	overlay, err := clockOverlay(ctx)
	if err != nil {
		return "", fmt.Errorf("build %s with a clock of its own: %w", dir, err)
	}
	dir, err = filepath.Abs(dir)
	if err != nil {
		return "", err
	}
	return goBuild(ctx, filepath.Base(dir), []byte("clock "+dir), dir, "-overlay="+overlay, ".")
}

// clockOverlay writes the changed file and returns the file that tells go of it.
func clockOverlay(ctx context.Context) (string, error) {
	root, err := exec.CommandContext(ctx, "go", "env", "GOROOT").Output()
	if err != nil {
		return "", fmt.Errorf("ask go for its directory: %w", err)
	}
	original := filepath.Join(strings.TrimSpace(string(root)), "src", "time", "time.go")
	source, err := os.ReadFile(original)
	if err != nil {
		return "", err
	}
	text := strings.Replace(string(source), readsClock, readsClock+jumps, 1)
	text = strings.Replace(text, "import (\n", "import (\n	\"syscall\"\n", 1)
	if strings.Count(string(source), readsClock) != 1 {
		return "", fmt.Errorf("%s does not read the clock with %q", original, strings.TrimSpace(readsClock))
	}
	cache, err := CacheDir()
	if err != nil {
		return "", err
	}
	changed, list := filepath.Join(cache, "clock.go"), filepath.Join(cache, "clock.json")
	overlay, err := json.Marshal(map[string]map[string]string{"Replace": {original: changed}})
	if err != nil {
		return "", err
	}
	if err := os.WriteFile(changed, []byte(text+jumpData), 0o644); err != nil {
		return "", err
	}
	return list, os.WriteFile(list, overlay, 0o644)
}
