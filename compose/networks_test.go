package compose_test

import (
	"bytes"
	"errors"
	"log/slog"
	"strings"
	"testing"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/network"

	"tandem/compose"
	"tandem/internal/harness/testbed/tb"
	"tandem/reconciler/deploy"
)

// hasNetwork tells whether the color's stack has its own network.
func (b *bed) hasNetwork(color deploy.Color) bool {
	b.t.Helper()
	_, err := b.engine.Client.NetworkInspect(b.t.Context(), b.app.Project(color)+"_default", network.InspectOptions{})
	if err != nil && !cerrdefs.IsNotFound(err) {
		b.t.Fatal(err)
	}
	return err == nil
}

// giveBack wants so many networks of the blue stack to be given back.
func (b *bed) giveBack(want int) {
	b.t.Helper()
	if gone, err := b.client.GiveBackNetworksOf(b.t.Context(), b.app.Project(deploy.Blue)); err != nil || gone != want {
		b.t.Errorf("%d networks were given back (%v), want %d", gone, err, want)
	}
}

func TestGiveBack_AStoppedStackComesBackWithoutAFailedStart(t *testing.T) {
	var log bytes.Buffer
	b := newBed(t, "givesback", func(o *compose.Options) { o.Logger = slog.New(slog.NewTextHandler(&log, nil)) })
	b.app.Singletons = []string{"scheduler"}
	b.runs("IMAGE:1", "    depends_on: {migrate: {condition: service_completed_successfully}}\n"+
		"  scheduler: {image: 'IMAGE:1', command: [wait]}\n  migrate: {image: 'IMAGE:1', command: [exit, \"0\"]}\n")
	b.up(deploy.Blue)
	b.startSingletons(deploy.Blue)
	before := b.stack(deploy.Blue)
	migrated := b.instance(deploy.Blue, "migrate")
	b.giveBack(0)
	b.stop(deploy.Blue)
	if !b.hasNetwork(deploy.Blue) {
		t.Error("the network of a stopped stack is gone, for which nobody asked")
	}
	b.giveBack(1)
	if b.hasNetwork(deploy.Blue) {
		t.Error("the stopped stack has its network still")
	}
	if s := b.stack(deploy.Blue); s.Condition != deploy.Stopped || len(s.Containers) != len(before.Containers) || s.Release != b.app.Release {
		t.Errorf("observed %+v, want it stopped with all its containers", s)
	}
	b.up(deploy.Blue)
	b.answers(deploy.Blue, "1 blue")
	b.startSingletons(deploy.Blue)
	b.wantSingletons(deploy.Blue, deploy.SingletonsRunning)
	if strings.Contains(log.String(), "cannot be started as they are") {
		t.Errorf("the way back tried what could not be:\n%s", log.String())
	}
	if now := b.instance(deploy.Blue, "migrate"); now.ID != migrated.ID || now.StartedAt != migrated.StartedAt {
		t.Errorf("the migration that had run is %+v, was %+v: want it untouched", now, migrated)
	}
}

func TestGiveBack_LeavesANetworkThatSomebodyElseIsIn(t *testing.T) {
	b := newBed(t, "guests")
	b.runs("IMAGE:1", "")
	for _, runs := range []bool{true, false} {
		b.up(deploy.Blue)
		guest, err := b.engine.Client.ContainerCreate(t.Context(), &container.Config{Image: b.image + ":1", Cmd: []string{"wait"}},
			&container.HostConfig{NetworkMode: container.NetworkMode(b.app.Project(deploy.Blue) + "_default")}, nil, nil, "")
		if err != nil {
			t.Fatal(err)
		}
		tb.Container(t, b.engine, guest.ID)
		if runs {
			if err := b.engine.Client.ContainerStart(t.Context(), guest.ID, container.StartOptions{}); err != nil {
				t.Fatal(err)
			}
		}
		b.stop(deploy.Blue)
		b.giveBack(0)
		if !b.hasNetwork(deploy.Blue) {
			t.Errorf("the network is gone, in which there is a container of somebody else (it runs: %t)", runs)
		}
		if err := b.engine.RemoveContainer(t.Context(), guest.ID); err != nil {
			t.Fatal(err)
		}
	}
	b.giveBack(1)
	if b.hasNetwork(deploy.Blue) {
		t.Error("the network is there still, although nobody is in it")
	}
}

func TestRejection_AFullDiskIsOne(t *testing.T) {
	b := newBed(t, "full")
	for words, want := range map[string]deploy.Reason{
		"mkdir /var/lib/docker/overlay2/5f-init: no space left on device":                                deploy.DiskFull,
		"failed to create task: mkdir /sys/fs/cgroup/cpuset/docker/5f: no space left on device: cgroup":  deploy.Failed,
		"failed to start shim: start failed: inotify_add_watch /run/containerd: no space left on device": deploy.Failed,
	} {
		err := b.client.Rejection(t.Context(), b.app.Project(deploy.Blue), errors.New("Error response from daemon: "+words))
		wantTemporary(t, err, want, words)
	}
}

func TestRejection_NoAddressesForANetworkHasItsReasonAndAdvice(t *testing.T) {
	b := newBed(t, "addresses")
	for _, words := range []string{
		"failed to create network x: could not find an available, non-overlapping IPv4 address pool among the defaults to assign to the network",
		"failed to create network x: all predefined address pools have been fully subnetted",
	} {
		err := b.client.Rejection(t.Context(), b.app.Project(deploy.Blue), errors.New("Error response from daemon: "+words))
		wantTemporary(t, err, deploy.NoAddresses, "no addresses left", "docker network prune", "default-address-pools", words)
	}
}
