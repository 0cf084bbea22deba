package e2e

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/api/types/image"

	"tandem/examples"
	"tandem/internal/harness/stage"
	"tandem/internal/harness/testbed"
	"tandem/internal/harness/testbed/tb"
	"tandem/reconciler/deploy"
)

// keptReleases is how many promoted releases there is a way back to.
const keptReleases = 50

// Every image has a layer of its own, and every fourth is of a bad release. What is
// left on the disk is what a way back needs; and that works with the registry gone.
func TestImages_DeploysInARowLeaveWhatAWayBackNeeds(t *testing.T) {
	t.Parallel()
	deploys := times(200, 5)
	w := newImageWorld(t)
	var promoted []string
	largest := 0
	for i := range deploys {
		tag := fmt.Sprintf("1.%d.0", i)
		bad := i%4 == 3
		w.release(tag, bad)
		limit := gateLimit
		if bad {
			limit = "3s"
		}
		commit := w.bump(tag, limit)
		if i == 0 {
			w.addSite()
		}
		if bad {
			w.phase(commit, deploy.PhaseHeld)
		} else {
			w.promoted(commit, tag)
			promoted = append(promoted, tag)
		}
		largest = max(largest, len(w.local()))
	}
	kept := promoted[max(0, len(promoted)-keptReleases):]
	// A bad one may still stand in the other color.
	if most := len(kept) + 2; largest > most+1 {
		t.Errorf("at most %d images were on the disk at a time, want %d", largest, most)
	}
	w.leaves(kept)
	t.Logf("%d deploys; at most %d images at a time, %s at the end", deploys, largest, strings.Join(w.local(), " "))

	check(t, w.registry.Stop(t.Context()))
	back := w.bump(kept[0], gateLimit)
	if !w.promoted(back, kept[0]) {
		t.Errorf("no way back to %s", kept[0])
	}
	if err := w.answeredWith(kept[0]); err != nil {
		t.Error(err)
	}
}

// imageWorld deploys an app of one service.
type imageWorld struct {
	*world
	registry *testbed.Registry
	program  string
	built    []string
}

func newImageWorld(t *testing.T) *imageWorld {
	t.Helper()
	registry := tb.Registry(t, testbed.RegistryOptions{})
	w := &imageWorld{world: newWorld(t, stage.Options{Registry: registry}), registry: registry}
	var err error
	w.program, err = testbed.GoSource(t.Context(), "shop", examples.Source())
	check(t, err)
	t.Cleanup(func() {
		for _, project := range []string{w.App + "-blue", w.App + "-green"} {
			check(t, w.Engine.RemoveProject(context.Background(), project))
		}
		check(t, w.Engine.Remove(context.Background(), w.built...))
	})
	return w
}

// release builds an image whose program nobody else has.
func (w *imageWorld) release(tag string, bad bool) {
	w.t.Helper()
	program, err := os.ReadFile(w.program)
	check(w.t, err)
	own := filepath.Join(w.t.TempDir(), "shop")
	check(w.t, os.WriteFile(own, append(program, rand.Text()...), 0o755)) // a loader reads no further than it must
	env := []string{"TAG=" + tag}
	if bad {
		env = append(env, "BREAK=unhealthy")
	}
	ref := w.Registry() + "/shop:" + tag
	w.built = append(w.built, ref)
	image := testbed.ImageBuilder{Ref: ref, Binary: own, Cmd: []string{"api"}, Env: env}
	check(w.t, errors.Join(image.Push(w.t.Context()), os.Remove(own)))
}

func (w *imageWorld) bump(tag, limit string) string {
	w.t.Helper()
	policy := gated(quick, limit+", successes: 1") + "standby: {backup: off}\n"
	return w.push(stage.Desired{Tag: tag, More: policy})
}

// local lists the tags of the app's images on this machine.
func (w *imageWorld) local() []string {
	w.t.Helper()
	list, err := w.Engine.Client.ImageList(w.t.Context(), image.ListOptions{Filters: filters.NewArgs(filters.Arg("reference", w.Registry()+"/shop"))})
	check(w.t, err)
	var tags []string
	for _, i := range list {
		for _, ref := range i.RepoTags {
			tags = append(tags, ref[strings.LastIndex(ref, ":")+1:])
		}
	}
	slices.Sort(tags)
	return tags
}

// leaves waits until the images of these releases are left, and no other but what
// stands in the colors.
func (w *imageWorld) leaves(kept []string) {
	w.t.Helper()
	tb.Until(w.t, patience, "needless images are gone", func() error {
		local := w.local()
		for _, tag := range kept {
			if !slices.Contains(local, tag) {
				w.t.Fatalf("the image of %s is gone; left are %v", tag, local)
			}
		}
		if len(local) > len(kept)+2 {
			return fmt.Errorf("%d images are left, %d are needed: %v", len(local), len(kept), local)
		}
		return nil
	})
}
