package compose_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"tandem/reconciler/deploy"
)

const sharedFile = `
services:
  db:
    image: IMAGE:1
    command: [wait]
    volumes: ["data:/data", "./init:/init:ro"]
  cache:
    image: IMAGE:1
    command: [wait]
volumes: {data: }
`

// withShared is an app whose colored stack is on the shared stack's network.
func withShared(t *testing.T, name string) *bed {
	t.Helper()
	b := newBed(t, name)
	b.app.Shared = "compose.shared.yaml"
	b.write("compose.shared.yaml", sharedFile)
	b.write("init/schema.sql", "create")
	b.runs("IMAGE:${TAG}", "networks: {default: {name: "+b.app.SharedProject()+"_default, external: true}}\n")
	b.up(deploy.Blue)
	return b
}

// shared observes the shared stack, by the same means as a color's.
func (b *bed) shared() map[string]string {
	b.t.Helper()
	found, err := b.client.Shared(b.t.Context(), b.app)
	if err != nil {
		b.t.Fatal(err)
	}
	return instances(found)
}

func TestUp_BringsTheSharedStackUpOnceForBothColorsAndAllCommits(t *testing.T) {
	b := withShared(t, "shared")
	before := b.shared()
	if len(before) != 2 {
		t.Fatalf("shared stack is %v, want db and cache", before)
	}
	b.move()
	b.bump()
	b.up(deploy.Green)
	b.answers(deploy.Green, "2 green")
	if diff := cmp.Diff(before, b.shared()); diff != "" {
		t.Errorf("shared containers (-before +after):\n%s", diff)
	}
}

func TestUp_ReplacesOnlyTheSharedServiceThatChangedAndKeepsItsVolume(t *testing.T) {
	b := withShared(t, "shchange")
	before := b.shared()
	b.write("init/schema.sql", "create more")
	b.move()
	b.up(deploy.Blue)
	after := b.shared()
	if after["cache"] != before["cache"] || after["db"] == before["db"] || len(after) != 2 {
		t.Errorf("shared containers were %v, are %v: want only db replaced", before, after)
	}
	volume, err := b.engine.Client.VolumeInspect(t.Context(), b.app.SharedProject()+"_data")
	if err != nil || !strings.HasPrefix(volume.Name, "ct-") {
		t.Errorf("the volume is %v (%v)", volume.Name, err)
	}
	api := instances(b.stack(deploy.Blue))["api"]
	b.up(deploy.Blue)
	if again := instances(b.stack(deploy.Blue))["api"]; again != api {
		t.Errorf("the api was %s, is %s: want it untouched", api, again)
	}
}

func TestUp_StartsASharedServiceThatDiedAndKeepsOneThatIsNoLongerNamed(t *testing.T) {
	b := withShared(t, "shdead")
	before, err := b.client.Shared(t.Context(), b.app)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range before.Containers {
		if c.Service == "db" {
			b.kill(c)
		}
	}
	b.write("compose.shared.yaml", strings.Replace(sharedFile, "  cache:\n    image: IMAGE:1\n    command: [wait]\n", "", 1))
	b.up(deploy.Blue)
	after, err := b.client.Shared(t.Context(), b.app)
	if err != nil {
		t.Fatal(err)
	}
	if len(after.Containers) != 2 || after.Containers[0].ID != before.Containers[0].ID || after.Containers[1].ID != before.Containers[1].ID {
		t.Errorf("shared containers were %+v, are %+v: want the same two", before.Containers, after.Containers)
	}
	for _, c := range after.Containers {
		if !c.Up() {
			t.Errorf("%s is %s, want it running", c.Service, c.State)
		}
	}
}

// TestUpShared_FollowsACommitThatChangesNothingElse has the release stay the same.
func TestUpShared_FollowsACommitThatChangesNothingElse(t *testing.T) {
	b := withShared(t, "shonly")
	before, release := b.shared(), b.app.Release
	due := func(want bool) {
		t.Helper()
		if got, err := b.client.SharedDue(t.Context(), b.app); err != nil || got != want {
			t.Errorf("due: %v (%v), want %v", got, err, want)
		}
	}
	due(false)
	b.write("init/schema.sql", "create more")
	b.move()
	b.resolve()
	if b.app.Release != release {
		t.Fatalf("the release is %s, want %s as before", b.app.Release, release)
	}
	due(true)
	if err := b.client.UpShared(t.Context(), b.app, func(string) {}); err != nil {
		t.Fatal(err)
	}
	after := b.shared()
	if after["db"] == before["db"] || after["cache"] != before["cache"] {
		t.Errorf("shared containers were %v, are %v: want only db replaced", before, after)
	}
	due(false)
	b.write("compose.shared.yaml", strings.Replace(sharedFile, "IMAGE:1", "ct-nowhere:1", 1))
	b.move()
	b.resolve()
	err := b.client.UpShared(t.Context(), b.app, func(string) {})
	var bad *deploy.RejectError
	if err == nil || errors.As(err, &bad) {
		t.Errorf("got %v, want what is wrong, and no word against the release", err)
	}
}
