package compose_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/docker/docker/api/types/container"
	"github.com/google/go-cmp/cmp"

	"tandem/compose"
	"tandem/reconciler/deploy"
)

// laptop is a file that nobody wrote for tandem: a database in the middle of it, fixed
// names and ports, and files that are written beside it.
const laptop = `
services:
  api:
    image: IMAGE:1
    container_name: APP
    environment: {COLOR: api}
    ports: ["8080:3000"]
    depends_on: [db]
    volumes: ["uploads:/uploads", "./thumbs:/thumbs"]
  peer:
    image: IMAGE:1
    environment: {COLOR: peer}
    hostname: peer
  db:
    image: IMAGE:1
    environment: {COLOR: shared}
    volumes: ["./data:/data"]
  proxy:
    image: nowhere/proxy:1
    ports: ["80:80"]
volumes: {uploads: }
`

func asItIs(t *testing.T, name string) *bed {
	t.Helper()
	b := newBed(t, name, noPolicy)
	data := t.TempDir()
	b.client = newClient(t, compose.Options{ConfigDir: b.config, Data: data})
	b.app.SharedServices, b.app.Ignore = []string{"db"}, []string{"proxy"}
	b.app.Volumes = map[string]deploy.VolumeUse{"uploads": deploy.VolumeBoth, "thumbs": deploy.VolumeEach}
	b.write("compose.yaml", strings.ReplaceAll(laptop, "APP", b.app.Name))
	return b
}

// TestUp_AFileThatNobodyWroteForTandem has it run twice on one host, beside one database.
func TestUp_AFileThatNobodyWroteForTandem(t *testing.T) {
	b := asItIs(t, "asis")
	b.up(deploy.Blue)
	before := b.shared()
	b.bump()
	b.move()
	b.up(deploy.Green)
	b.answers(deploy.Blue, "1 api")
	b.answers(deploy.Green, "2 api")
	if diff := cmp.Diff(before, b.shared()); diff != "" || len(before) != 1 {
		t.Errorf("shared containers (-before +after):\n%s", diff)
	}
	for _, ask := range []struct {
		color              deploy.Color
		service, url, want string
	}{
		{deploy.Blue, "api", "http://peer:3000/", "1 peer"},
		{deploy.Green, "api", "http://peer:3000/", "2 peer"},
		{deploy.Blue, "peer", "http://api:3000/", "1 api"},
		{deploy.Green, "peer", "http://api:3000/", "2 api"},
		{deploy.Blue, "api", "http://db:3000/", "1 shared"},
		{deploy.Green, "peer", "http://db:3000/", "1 shared"},
	} {
		if got := b.asks(ask.color, ask.service, ask.url); got != ask.want {
			t.Errorf("%s of %s asks %s: %q, want %q", ask.service, ask.color, ask.url, got, ask.want)
		}
	}
	if len(b.stack(deploy.Blue).Containers) != 2 {
		t.Errorf("the stack is %+v, want api and peer", b.stack(deploy.Blue))
	}
}

// TestUp_WhatIsWrittenOutlivesTheRelease is about the three places that a container can
// write to: a volume of both colors, a directory of each, and one of a shared service.
func TestUp_WhatIsWrittenOutlivesTheRelease(t *testing.T) {
	b := asItIs(t, "written")
	b.up(deploy.Blue)
	b.runsIn(b.instance(deploy.Blue, "api"), "/probe", "once", "/uploads/blue")
	b.runsIn(b.instance(deploy.Blue, "api"), "/probe", "once", "/thumbs/blue")
	shared, err := b.client.Shared(t.Context(), b.app)
	if err != nil || len(shared.Containers) != 1 {
		t.Fatalf("the shared stack is %+v (%v)", shared, err)
	}
	b.runsIn(shared.Containers[0], "/probe", "once", "/data/orders")
	b.bump()
	b.move()
	b.up(deploy.Green)
	found := func(color deploy.Color, path string) bool {
		return b.runsIn(b.instance(color, "api"), "/probe", "stat", path) == ""
	}
	if !found(deploy.Green, "/uploads/blue") {
		t.Error("green has another volume than blue")
	}
	if found(deploy.Green, "/thumbs/blue") || !found(deploy.Blue, "/thumbs/blue") {
		t.Error("green has the directory of blue")
	}
	about, err := b.engine.Client.ContainerInspect(t.Context(), shared.Containers[0].ID)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range about.Mounts {
		if strings.HasPrefix(m.Source, b.app.Root) {
			t.Errorf("the database writes to %s, which is the release's", m.Source)
		}
		if _, err := os.Stat(filepath.Join(m.Source, "orders")); err != nil {
			t.Error(err)
		}
	}
}

// TestUp_ADataDirectoryIsNoWayToOtherFiles has a link in it that a container made.
func TestUp_ADataDirectoryIsNoWayToOtherFiles(t *testing.T) {
	b := newBed(t, "datalink", noPolicy)
	data := t.TempDir()
	b.client = newClient(t, compose.Options{ConfigDir: b.config, Data: data})
	b.app.Volumes = map[string]deploy.VolumeUse{"files/inner": deploy.VolumeBoth}
	b.write("compose.yaml", "services:\n  api: {image: 'IMAGE:1', ports: ['80:3000'], volumes: ['./files/inner:/inner']}\n")
	if err := os.MkdirAll(filepath.Join(data, b.app.Name, "files"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("/etc", filepath.Join(data, b.app.Name, "files", "inner")); err != nil {
		t.Fatal(err)
	}
	b.app.Release = deploy.Release{Tag: "1", Hash: "x"}
	release, err := b.client.Resolve(t.Context(), b.app)
	if err == nil {
		b.app.Release = release
		err = b.client.Up(t.Context(), b.app, deploy.Blue, nil)
	}
	if err == nil || !strings.Contains(err.Error(), "host-mounts:/etc") {
		t.Errorf("a link that leads out of the data directory: %v", err)
	}
	list, err := b.engine.Client.ContainerList(t.Context(), container.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range list {
		if strings.Contains(c.Names[0], b.app.Name) {
			t.Errorf("%s runs", c.Names[0])
		}
	}
}
