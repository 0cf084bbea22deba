package compose_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/docker/docker/api/types/system"
	"github.com/google/go-cmp/cmp"

	"tandem/compose"
	"tandem/internal/harness/testbed"
	"tandem/internal/harness/testbed/tb"
	"tandem/reconciler/deploy"
)

func TestUp_PullsNothingOntoADiskWithTooLittleSpace(t *testing.T) {
	b := newBed(t, "room", func(o *compose.Options) { o.MinFree = 1 << 60 })
	b.runs("IMAGE:${TAG}")
	b.up(deploy.Blue) // what is here already needs no space
	before := instances(b.stack(deploy.Blue))
	r := tb.Registry(t, testbed.RegistryOptions{})
	ref := b.publish(r, testbed.Login{}, "1", "one")
	b.runs(ref)
	wantTemporary(t, b.attempt(), deploy.DiskFull, ref, "1EiB", "docker image prune", "docker.min_free")
	if after := instances(b.stack(deploy.Blue)); after["api"] != before["api"] {
		t.Errorf("the api was %s, is %s: want it untouched", before["api"], after["api"])
	}
	b.client = newClient(t, compose.Options{ConfigDir: b.config, MinFree: 1})
	b.up(deploy.Blue)
	b.answers(deploy.Blue, "one blue")
}

// What Docker 20.10, 28 with containerd's image store, and one with a containerd of its own say.
func TestImageDirs_AreWhereAPullWrites(t *testing.T) {
	for name, c := range map[string]struct {
		info, config string
		want         []string
	}{
		"Docker's own store": {`{"Driver": "overlay2", "DriverStatus": [["Backing Filesystem", "extfs"], ["Supports d_type", "true"]], "DockerRootDir": "/srv/docker"}`,
			`root = "/data/containerd"`, []string{"/srv/docker"}},
		"containerd's": {`{"Driver": "overlayfs", "DriverStatus": [["driver-type", "io.containerd.snapshotter.v1"]], "DockerRootDir": "/var/lib/docker",
			"Containerd": {"Address": "/run/containerd/containerd.sock", "Namespaces": {"Containers": "moby", "Plugins": "plugins.moby"}}}`,
			"", []string{"/var/lib/docker", "/var/lib/containerd"}},
		"containerd's, elsewhere": {`{"Driver": "overlayfs", "DriverStatus": [["driver-type", "io.containerd.snapshotter.v1"]], "DockerRootDir": "/var/lib/docker",
			"Containerd": {"Address": "/run/containerd/containerd.sock"}}`,
			"version = 3\nroot = '/data/containerd'\nstate = '/run/containerd'\n[plugins]\n  root = '/no'\n", []string{"/var/lib/docker", "/data/containerd"}},
		"a containerd of dockerd's": {`{"Driver": "overlayfs", "DriverStatus": [["driver-type", "io.containerd.snapshotter.v1"]], "DockerRootDir": "/var/lib/docker",
			"Containerd": {"Address": "/var/run/docker/containerd/containerd.sock"}}`,
			"", []string{"/var/lib/docker", "/var/lib/docker/containerd/daemon"}},
		"one that says less": {`{"DriverStatus": [["driver-type", "io.containerd.snapshotter.v1"]], "DockerRootDir": "/var/lib/docker"}`,
			"", []string{"/var/lib/docker", "/var/lib/containerd"}},
	} {
		var info system.Info
		if err := json.Unmarshal([]byte(c.info), &info); err != nil {
			t.Fatal(err)
		}
		config := filepath.Join(t.TempDir(), "config.toml")
		if c.config != "" {
			if err := os.WriteFile(config, []byte(c.config), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if diff := cmp.Diff(c.want, compose.ImageDirs(info, config)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}
