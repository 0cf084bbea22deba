package demo

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/api/types/image"
	"github.com/docker/docker/api/types/network"
	"github.com/docker/docker/api/types/volume"

	"tandem/internal/harness/testbed"
)

// inventory is what of a demo is on this machine at one moment.
type inventory struct {
	containers, networks, volumes, images, processes, directories []string
}

// find looks for everything that belongs to the demo.
func (b manifest) find(ctx context.Context, engine *testbed.Engine) (inventory, error) {
	var i inventory
	err := errors.Join(b.findInDocker(ctx, engine, &i), b.findImages(ctx, engine, &i))
	running, errProcesses := b.running()
	for _, p := range running {
		i.processes = append(i.processes, fmt.Sprintf("%d (%s)", p.PID, p.Args))
	}
	for _, dir := range b.Dirs {
		if _, err := os.Lstat(dir); !errors.Is(err, os.ErrNotExist) {
			i.directories = append(i.directories, dir)
		}
	}
	return i, errors.Join(err, errProcesses)
}

func (b manifest) findInDocker(ctx context.Context, engine *testbed.Engine, i *inventory) error {
	for _, project := range b.projects() {
		of := filters.NewArgs(filters.Arg("label", projectLabel+"="+project))
		containers, err1 := engine.Client.ContainerList(ctx, container.ListOptions{All: true, Filters: of})
		networks, err2 := engine.Client.NetworkList(ctx, network.ListOptions{Filters: of})
		volumes, err3 := engine.Client.VolumeList(ctx, volume.ListOptions{Filters: of})
		if err := errors.Join(err1, err2, err3); err != nil {
			return fmt.Errorf("look for what is left of %s: %w", project, err)
		}
		for _, c := range containers {
			i.containers = append(i.containers, strings.TrimPrefix(strings.Join(c.Names, " "), "/"))
		}
		for _, n := range networks {
			i.networks = append(i.networks, n.Name)
		}
		for _, v := range volumes.Volumes {
			i.volumes = append(i.volumes, v.Name)
		}
	}
	return nil
}

func (b manifest) findImages(ctx context.Context, engine *testbed.Engine, i *inventory) error {
	images, err := engine.Client.ImageList(ctx, image.ListOptions{})
	if err != nil {
		return fmt.Errorf("look for images of %s: %w", b.Registry, err)
	}
	for _, img := range images {
		names := b.ours(img.RepoTags)
		if len(names) == 0 {
			names = b.ours(img.RepoDigests)
		}
		i.images = append(i.images, names...)
	}
	return nil
}

// ours are the names of images that came from the demo's registry.
func (b manifest) ours(refs []string) []string {
	return slices.DeleteFunc(slices.Clone(refs), func(ref string) bool { return !strings.HasPrefix(ref, b.Registry+"/") })
}

// kinds returns the numbers with their names.
func (i inventory) kinds() []struct {
	name  string
	found []string
} {
	return []struct {
		name  string
		found []string
	}{
		{"container", i.containers}, {"network", i.networks}, {"volume", i.volumes},
		{"image", i.images}, {"process", i.processes}, {"directory", i.directories},
	}
}

// String counts: "7 containers, 1 volume".
func (i inventory) String() string {
	var parts []string
	for _, k := range i.kinds() {
		name := k.name
		switch {
		case len(k.found) == 1:
		case name == "process":
			name = "processes"
		case name == "directory":
			name = "directories"
		default:
			name += "s"
		}
		parts = append(parts, fmt.Sprintf("%d %s", len(k.found), name))
	}
	return strings.Join(parts, ", ")
}

// leftover is an error that names everything there is, nil when there is nothing.
func (i inventory) leftover() error {
	var errs []error
	for _, k := range i.kinds() {
		for _, name := range k.found {
			errs = append(errs, fmt.Errorf("left behind: %s %s", k.name, name))
		}
	}
	return errors.Join(errs...)
}
