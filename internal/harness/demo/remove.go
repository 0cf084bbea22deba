package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/filters"

	"tandem/internal/harness/testbed"
)

// Remove takes down the demo whose directory is dir, and returns an error when
// anything of it is left. It ends processes by id, after it has made sure that
// the id still means the same process, and touches no container whose files did
// not come from that directory.
func Remove(ctx context.Context, dir string, out io.Writer) (err error) {
	b, err := loadManifest(dir)
	if err != nil {
		return err
	}
	engine, err := testbed.NewEngine(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, engine.Close()) }()
	if err := b.refuseForeign(ctx, engine); err != nil {
		return err
	}
	had, err := b.find(ctx, engine)
	if err != nil {
		return err
	}
	// The agent goes first: it would put back what is taken from it.
	if err := b.endProcesses(ctx); err != nil {
		return err
	}
	for _, project := range b.projects() {
		if err := engine.RemoveProject(ctx, project); err != nil {
			return err
		}
	}
	if err := engine.Remove(ctx, had.images...); err != nil {
		return err
	}
	// The first directory holds the list, and goes when nothing needs it any more.
	for _, d := range slices.Backward(b.Dirs) {
		if err := os.RemoveAll(d); err != nil {
			return err
		}
	}
	return tellRemoved(ctx, newPrinter(out), b, engine, had)
}

// refuseForeign returns an error when somebody else's project has the app's name.
func (b manifest) refuseForeign(ctx context.Context, engine *testbed.Engine) error {
	for _, project := range b.projects() {
		of := filters.NewArgs(filters.Arg("label", projectLabel+"="+project))
		containers, err := engine.Client.ContainerList(ctx, container.ListOptions{All: true, Filters: of})
		if err != nil {
			return fmt.Errorf("look at project %s: %w", project, err)
		}
		for _, c := range containers {
			files := c.Labels[projectLabel+".working_dir"]
			if !strings.HasPrefix(files, b.Dirs[0]+string(filepath.Separator)) {
				return fmt.Errorf("remove project %s: the container %s came from %s and not from this demo; nothing was removed",
					project, strings.Join(c.Names, " "), files)
			}
		}
	}
	return nil
}

// endProcesses ends what was recorded, in that order, and kills what stays.
func (b manifest) endProcesses(ctx context.Context) error {
	for _, own := range b.Processes {
		one := manifest{Boot: b.Boot, Processes: []process{own}}
		if err := one.signal(syscall.SIGTERM, true); err != nil {
			return err
		}
		patience, cancel := context.WithTimeout(ctx, 20*time.Second)
		err := one.ended(patience)
		cancel()
		if err == nil {
			continue
		}
		if err := one.signal(syscall.SIGKILL, false); err != nil {
			return err
		}
		if err := one.ended(ctx); err != nil {
			return err
		}
	}
	return nil
}

// ended waits until none of the processes lives.
func (b manifest) ended(ctx context.Context) error {
	return testbed.Until(ctx, "the end of its processes", func() error {
		left, err := b.running()
		if err == nil && len(left) > 0 {
			err = fmt.Errorf("%d (%s) lives", left[0].PID, left[0].Args)
		}
		return err
	})
}

// signal sends the signal to those that live: to the leaders alone, who end
// their groups in order, or to all.
func (b manifest) signal(sig syscall.Signal, leaders bool) error {
	alive, err := b.running()
	if err != nil {
		return err
	}
	for _, p := range alive {
		if leaders && p.PID != p.group {
			continue
		}
		if err := syscall.Kill(p.PID, sig); err != nil && !errors.Is(err, syscall.ESRCH) {
			return fmt.Errorf("end process %d (%s): %w", p.PID, p.Args, err)
		}
	}
	return nil
}
