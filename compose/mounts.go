package compose

import (
	"errors"
	"io/fs"
	"path/filepath"
	"slices"
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
			c.hostFile(path, v.Source, "add it, or, for data that must outlive a release, use a volume of the shared stack")
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
		advice := ""
		if e.Required {
			advice = "add it, or write it as {path: …, required: false}"
		}
		if c.hostFile(at(name, "env_file"), e.Path, advice) {
			c.readable(at(name, "env_file"), c.readVariables(e.Path))
		}
	}
	for _, label := range s.LabelFiles {
		if c.hostFile(at(name, "label_file"), label, "add it, or correct the name") {
			c.readable(at(name, "label_file"), c.readVariables(label))
		}
	}
}

func (c *checker) fileObject(path []string, o types.FileObjectConfig) {
	switch {
	case bool(o.External):
		c.fault(append(path, "external"), "Docker keeps %s only in swarm mode: write file: or environment: instead", path[0])
	case o.File != "":
		c.hostFile(append(path, "file"), o.File, "add it, or use environment: with a variable of tandem.yaml")
	}
}

// ownVolumes are the types of file system that hold nothing of this host.
var ownVolumes = []string{"tmpfs", "nfs", "nfs4", "cifs"}

// volume checks a volume that is something of this host in disguise: Docker's own
// driver mounts whatever its options say.
func (c *checker) volume(path []string, v types.VolumeConfig) {
	if v.Driver != "" && v.Driver != "local" {
		c.ask(AllowHostPrograms, path, "the volume driver %s is a program of this host, and may show any file of it", v.Driver)
		return
	}
	kind, device := v.DriverOpts["type"], v.DriverOpts["device"]
	// The kernel binds whatever the type says.
	bind := slices.ContainsFunc(strings.Split(v.DriverOpts["o"], ","), func(o string) bool {
		return slices.Contains([]string{"bind", "rbind"}, strings.TrimSpace(o))
	})
	switch {
	case bind && filepath.IsAbs(device):
		c.hostFile(path, device, "")
	case bind:
		c.ask(AllowHostMounts, path, "the volume binds %q, which begins where Docker was started", device)
	case kind == "" && device == "", slices.Contains(ownVolumes, kind):
	default:
		c.ask(AllowHostMounts, path, "a volume of the type %q can show any file of this host", kind)
	}
}

// readable adds a fault for a file that is too large to be read.
func (c *checker) readable(path []string, err error) {
	if err != nil {
		c.fault(path, "%s", err)
	}
}

// hostFile checks one path of this host, and tells whether it is a file of the
// app. A path that does not exist is a fault if there is advice what to do about it.
func (c *checker) hostFile(path []string, file, advice string) bool {
	file = filepath.Clean(file)
	target, err := filepath.EvalSymlinks(file)
	if err != nil {
		target = file
	}
	if c.holdsSocket(file) || c.holdsSocket(target) {
		c.ask(AllowDockerSocket, path, "%s holds the Docker socket, and whoever has that is root on this host", file)
		return false
	}
	_, err = inside(c.app.Root, file)
	switch {
	case errors.Is(err, errOutside):
		c.outside(path, file, target)
	case errors.Is(err, fs.ErrNotExist):
		if advice != "" {
			c.fault(path, "%s is not in git: %s", relative(c.app.Root, file), advice)
		}
	case err != nil:
		c.fault(path, "%s cannot be read: %s", relative(c.app.Root, file), err)
	}
	return err == nil
}

// outside refuses a path that leads out of the app's directory, unless the
// host's policy allows both the path and what it leads to.
func (c *checker) outside(path []string, file, target string) {
	if c.allowed.allowsMount(file) && c.allowed.allowsMount(target) {
		return
	}
	// Where a relative path ends on this host changes from commit to commit, so
	// no policy can name it.
	if rel, err := filepath.Rel(c.dir(), file); err == nil && c.source.mention(rel, path...) {
		c.fault(path, "%s is outside the app's directory: keep the file in git beside the Compose file", rel)
		return
	}
	c.fault(path, "%s is outside the app's directory: keep the file in git beside the Compose file, or let this host's policy.allow list \"%s:%s\"",
		file, AllowHostMounts, target)
}

// holdsSocket tells whether path is the Docker socket or a directory above it.
func (c *checker) holdsSocket(path string) bool {
	for _, socket := range []string{c.socket, "/run/docker.sock", "/var/run/docker.sock"} {
		if socket != "" && below(path, socket) {
			return true
		}
	}
	return false
}
