package compose_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/filters"

	"tandem/reconciler/deploy"
)

// TestUp_NothingFromGitCanBeWrittenTo mounts the release's copy in all the ways that
// there are, and looks at what the engine made of it.
func TestUp_NothingFromGitCanBeWrittenTo(t *testing.T) {
	b := newBed(t, "readonly")
	b.app.Shared, b.app.Migrations.Expand = "compose.shared.yaml", "grow"
	b.write("d/file", "x")
	b.write("s/file", "x")
	b.write("compose.shared.yaml", "services: {db: {image: 'IMAGE:1', command: [wait], volumes: ['./s:/s', '.:/all'], network_mode: none}}\n")
	b.runs(b.image+":1", `    volumes:
      - .:/all
      - ./d:/d
      - ./d/file:/file
      - {type: bind, source: ./d, target: /long}
      - {type: bind, source: ./d, target: /made, bind: {create_host_path: true, recursive: writable}}
    configs: [c]
    secrets: [s]
    network_mode: bridge
  other:
    image: IMAGE:1
    command: [wait]
    network_mode: none
    volumes_from: [api]
  grow:
    image: IMAGE:1
    command: [stat, /d/file]
    network_mode: none
    volumes: ["./d:/d"]
    profiles: [migrate]
configs: {c: {file: ./d/file}}
secrets: {s: {file: ./d/file}}
`)
	b.resolve()
	if err := b.client.Migrate(t.Context(), b.app, deploy.Blue, deploy.ExpandMigration); err != nil {
		t.Fatal(err)
	}
	b.up(deploy.Blue)
	list, err := b.engine.Client.ContainerList(t.Context(), container.ListOptions{All: true, Filters: filters.NewArgs(filters.Arg("label", "dev.tandem.app="+b.app.Name))})
	if err != nil {
		t.Fatal(err)
	}
	mounts := 0
	for _, s := range list {
		info, err := b.engine.Client.ContainerInspect(t.Context(), s.ID)
		if err != nil {
			t.Fatal(err)
		}
		for _, asked := range info.HostConfig.Binds {
			if strings.HasPrefix(asked, b.app.Root) {
				t.Errorf("for %s the engine would make a directory where a file is missing: %s", s.Names[0], asked)
			}
		}
		for _, m := range s.Mounts {
			mounts++
			if strings.HasPrefix(m.Source, b.app.Root) && m.RW {
				t.Errorf("%s could write to %s, as %s", s.Names[0], m.Source, m.Destination)
			}
		}
	}
	if mounts < 17 {
		t.Errorf("%d mounts in %d containers, want all of them to be seen", mounts, len(list))
	}
}

// TestUp_ALinkThatCameAfterTheCheckIsNotFollowed plays a container of an older tandem,
// which could write to the copy: between two starts a directory becomes a link.
func TestUp_ALinkThatCameAfterTheCheckIsNotFollowed(t *testing.T) {
	b := newBed(t, "swapped")
	b.write("d/file", "x")
	b.runs(b.image+":1", "    volumes: ['./d:/d:ro']\n    network_mode: bridge\n")
	b.up(deploy.Blue)
	api := b.instance(deploy.Blue, "api")
	b.kill(api)
	d := filepath.Join(b.app.Root, "d")
	if err := errors.Join(os.RemoveAll(d), os.Symlink("/", d)); err != nil {
		t.Fatal(err)
	}
	if err := b.client.Up(t.Context(), b.app, deploy.Blue, nil); err == nil {
		t.Error("the stack was healed with a link to / in place of a directory")
	}
	if info, err := b.engine.Client.ContainerInspect(t.Context(), api.ID); err == nil && info.State.Running {
		t.Error("it runs with the host's files")
	}
}
