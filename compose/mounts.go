package compose

import (
	"errors"
	"io/fs"
	"path/filepath"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"
)

// mounts checks every file of the host that a service is given: it must be in
// the app's directory, also when symbolic links are followed, and in git.
func (c *checker) mounts(name string, s types.ServiceConfig) {
	for _, v := range s.Volumes {
		path := at(name, "volumes", "~"+v.Target)
		switch v.Type {
		case types.VolumeTypeBind:
			c.hostFile(path, v.Source, true)
		case types.VolumeTypeVolume:
			c.volume(path, c.project.Volumes[v.Source])
		case types.VolumeTypeNamedPipe, types.VolumeTypeCluster:
			c.fault(path, "this host has no volumes of type %s: use volume, bind or tmpfs", v.Type)
		}
	}
	for _, ref := range s.Configs {
		config := c.project.Configs[ref.Source]
		c.fileObject([]string{"configs", ref.Source}, types.FileObjectConfig(config))
	}
	for _, ref := range s.Secrets {
		secret := c.project.Secrets[ref.Source]
		c.fileObject([]string{"secrets", ref.Source}, types.FileObjectConfig(secret))
	}
	for _, e := range s.EnvFiles {
		// A file that need not exist still must not be looked for elsewhere.
		c.hostFile(at(name, "env_file"), e.Path, bool(e.Required))
	}
	for _, label := range s.LabelFiles {
		c.hostFile(at(name, "label_file"), label, true)
	}
}

func (c *checker) fileObject(path []string, o types.FileObjectConfig) {
	switch {
	case bool(o.External):
		c.fault(append(path, "external"), "Docker keeps %s only in swarm mode: write file: or environment: instead", path[0])
	case o.File != "":
		c.hostFile(append(path, "file"), o.File, true)
	}
}

// volume checks a volume that is a directory of the host in disguise.
func (c *checker) volume(path []string, v types.VolumeConfig) {
	device := v.DriverOpts["device"]
	if (v.Driver == "" || v.Driver == "local") && strings.HasPrefix(device, "/") {
		c.hostFile(path, device, false)
	}
}

// hostFile checks one path of this host.
func (c *checker) hostFile(path []string, file string, needed bool) {
	file = filepath.Clean(file)
	real, err := filepath.EvalSymlinks(file)
	if err != nil {
		real = file
	}
	if c.socket != "" && (below(file, c.socket) || below(real, c.socket) || isSocket(real)) {
		c.ask(AllowDockerSocket, path, "%s holds the Docker socket, and whoever has that is root on this host", c.shown(file))
		return
	}
	_, err = inside(c.app.Root, file)
	switch {
	case errors.Is(err, errOutside):
		if !c.allowed.allowsMount(file) || !c.allowed.allowsMount(real) {
			c.fault(path, "%s is outside the app's directory: keep the file in git beside the Compose file, or let this host's policy.allow list \"%s:%s\"",
				c.shown(file), AllowHostMounts, real)
		}
	case errors.Is(err, fs.ErrNotExist) && needed:
		c.fault(path, "%s is not in git: add it, or, for data that must outlive a release, use a volume of the shared stack", c.shown(file))
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		c.fault(path, "%s cannot be read: %s", c.shown(file), err)
	}
}

// isSocket knows the usual places of the Docker socket: /var/run is a link.
func isSocket(path string) bool {
	return path == "/var/run/docker.sock" || path == "/run/docker.sock"
}

// shown is a path for a message: relative to the app's directory, because where
// that is on this host changes from commit to commit.
func (c *checker) shown(path string) string { return relative(c.app.Root, path) }
