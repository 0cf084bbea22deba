package demo

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"tandem/internal/harness/testbed"
	"tandem/internal/lib/atomicfile"
)

// manifestFile lies in the demo's directory.
const manifestFile = "demo.json"

// projectLabel is how Docker Compose tells whose a container is.
const projectLabel = "com.docker.compose.project"

// manifest lists what a demo has on this machine, or may have. It is written
// down before there is much of it, so that Remove can clear up also after a demo
// that was killed.
type manifest struct {
	App       string    `json:"app"`
	Registry  string    `json:"registry"` // host:port, with which the names of the images begin
	Dirs      []string  `json:"dirs"`     // the demo's own first
	Boot      string    `json:"boot"`     // the machine's start that the processes belong to
	Processes []process `json:"processes"`
}

// projects are the Compose projects of the app.
func (b manifest) projects() []string {
	return []string{b.App + "-blue", b.App + "-green", b.App + "-shared"}
}

// save writes the list into the demo's directory.
func (b manifest) save() error {
	data, err := json.MarshalIndent(b, "", "  ")
	if err != nil {
		return err
	}
	return atomicfile.Write(filepath.Join(b.Dirs[0], manifestFile), append(data, '\n'), 0o600)
}

var appName = regexp.MustCompile(`^shop[0-9]*$`)

// loadManifest reads the list of the demo in dir. It does not believe what no
// demo would have written: everything on the list will be removed.
func loadManifest(dir string) (manifest, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return manifest{}, err
	}
	data, err := os.ReadFile(filepath.Join(dir, manifestFile))
	if errors.Is(err, os.ErrNotExist) {
		return manifest{}, fmt.Errorf("read %s: it is not the directory of a demo: it has no %s", dir, manifestFile)
	}
	if err != nil {
		return manifest{}, err
	}
	var b manifest
	if err := json.Unmarshal(data, &b); err != nil {
		return manifest{}, fmt.Errorf("read %s: %w", filepath.Join(dir, manifestFile), err)
	}
	if !appName.MatchString(b.App) || b.Registry == "" || len(b.Dirs) == 0 || b.Dirs[0] != dir {
		return manifest{}, fmt.Errorf("read %s: it was not written by a demo in %s", filepath.Join(dir, manifestFile), dir)
	}
	for _, d := range b.Dirs {
		if filepath.Dir(d) != filepath.Dir(dir) || !strings.HasPrefix(filepath.Base(d), "tandem-") {
			return manifest{}, fmt.Errorf("read %s: %q is no directory of a demo", filepath.Join(dir, manifestFile), d)
		}
	}
	return b, nil
}

// running returns those of its processes, and of their groups, that live.
func (b manifest) running() ([]process, error) {
	boot, err := bootID()
	if err != nil {
		return nil, err
	}
	if boot != b.Boot {
		return nil, nil
	}
	all, err := processes()
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(all, func(p process) bool { return !b.owns(p, all) }), nil
}

// owns tells whether p is a recorded process, or in the group of one whose id
// nobody else was given since.
func (b manifest) owns(p process, all []process) bool {
	for _, own := range b.Processes {
		if p.PID == own.PID {
			return p.Start == own.Start
		}
		reused := slices.ContainsFunc(all, func(q process) bool { return q.PID == own.PID && q.Start != own.Start })
		if p.group == own.PID && !reused {
			return true
		}
	}
	return false
}

// gone waits a moment for what is still ending, and returns an error that names
// everything that is left.
func (b manifest) gone(ctx context.Context, engine *testbed.Engine) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	return testbed.Until(ctx, "the end of everything", func() error {
		left, err := b.find(ctx, engine)
		return errors.Join(err, left.leftover())
	})
}
