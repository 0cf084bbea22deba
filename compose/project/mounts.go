package project

import (
	"errors"
	"io/fs"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"

	"tandem/compose/policy"
	"tandem/internal/lib/rootfile"
)

// mounts checks every file of the host that a service is given: it must be in
// the app's directory, also when symbolic links are followed, and in git.
func (c *checker) mounts(name string, s types.ServiceConfig) {
	for _, v := range s.Volumes {
		path := at(name, "volumes", "~"+v.Target)
		switch v.Type {
		case types.VolumeTypeBind:
			c.bind(name, path, v)
		case types.VolumeTypeVolume:
			c.volume(path, c.project.Volumes[v.Source])
			if v.Volume != nil {
				c.reservedLabels(path, v.Volume.Labels)
			}
		case types.VolumeTypeTmpfs, types.VolumeTypeImage:
		default:
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
			advice = c.missingAdvice(e.Path, "add it, write it as {path: …, required: false}")
		}
		if bool(e.Required) && c.MissingElsewhere(e.Path, at(name, "env_file")...) {
			continue
		}
		if c.hostFile(at(name, "env_file"), e.Path, advice) {
			c.readable(at(name, "env_file"), c.ReadVariables(e.Path))
		}
	}
	for _, label := range s.LabelFiles {
		if c.hostFile(at(name, "label_file"), label, "add it, or correct the name") {
			c.readable(at(name, "label_file"), c.ReadVariables(label))
		}
	}
}

// bind checks a directory or file of this host that is mounted as it is.
func (c *checker) bind(service string, path []string, v types.ServiceVolumeConfig) {
	if slices.Contains(policy.HarmlessFiles, v.Source) && v.ReadOnly {
		return
	}
	if v.ReadOnly && c.MissingElsewhere(v.Source, path...) {
		return
	}
	mine := c.hostFile(path, v.Source, "add it if the container only reads it, for it is mounted read-only; for what the container writes, use a volume of the shared stack")
	if mine && c.mayWrite(service, v.Target) {
		c.fault(path, "what comes from git is mounted read-only, because a container that could write there would change this and other releases: "+
			"remove rw, or, for what the container writes, use a volume of the shared stack")
	}
	if name := c.HostFileBelow(v.Source); mine && name != "" {
		c.fault(path, "%s of the host directory lies in what is mounted here as a whole, and git has that: mount the file by itself (./%s:%s)", name, name,
			filepath.Join(v.Target, rootfile.Relative(filepath.Clean(v.Source), filepath.Join(c.App.Root, name))))
	}
	if v.Bind == nil {
		return
	}
	if !slices.Contains(policy.PrivatePropagation, v.Bind.Propagation) {
		c.ask(policy.AllowHostMounts, path, "with the propagation %s mounts pass between this host and the container", v.Bind.Propagation)
	}
	if v.Bind.SELinux != "" && !mine {
		c.ask(policy.AllowSecurityOptions, path, "selinux: %s gives files of this host another security label", v.Bind.SELinux)
	}
}

// mayWrite tells whether the file says in so many words that a mount is to be written
// to: "./data:/data:rw", or read_only: false. Where it says nothing, the mount is made
// read-only (see finalize): nearly all are configuration, for which that is right.
func (c *checker) mayWrite(service, target string) bool {
	short := func(text string) bool {
		_, mode, _ := strings.Cut(text, ":"+target+":")
		return slices.Contains(strings.Split(strings.Trim(mode, `"' `), ","), "rw")
	}
	long := func(text string) bool {
		named := regexp.MustCompile(`(?m)target["']?:\s*["']?` + regexp.QuoteMeta(target) + `["']?\s*(?:$|[,}])`)
		return named.MatchString(text) && writable.MatchString(text)
	}
	return c.Says(short, at(service, "volumes", "~:"+target+":")...) || c.Says(long, at(service, "volumes", "~"+target)...)
}

// writable is the long form of "rw".
var writable = regexp.MustCompile(`read_only["']?:\s*["']?(?:false|no|off)`)

func (c *checker) fileObject(path []string, o types.FileObjectConfig) {
	switch {
	case bool(o.External):
		c.fault(append(path, "external"), "Docker keeps %s only in swarm mode: write file: or environment: instead", path[0])
	case o.File != "" && c.MissingElsewhere(o.File, append(path, "file")...):
	case o.File != "":
		c.hostFile(append(path, "file"), o.File, c.missingAdvice(o.File, "add it, use environment: with a variable of tandem.yaml"))
	}
}

// volume checks a volume that is something of this host in disguise: Docker's own
// driver mounts whatever its options say. One that exists already has its own options.
func (c *checker) volume(path []string, v types.VolumeConfig) {
	if v.Driver != "" && v.Driver != "local" {
		c.ask(policy.AllowHostPrograms, path, "the volume driver %s is a program of this host, and may show any file of it", v.Driver)
		return
	}
	options := policy.ParseVolumeOptions(v.DriverOpts)
	switch {
	case options.Bind && filepath.IsAbs(options.Device):
		if rootfile.Below(filepath.Clean(c.App.Root), filepath.Clean(options.Device)) {
			c.fault(path, "a volume would keep a directory of one commit for ever: mount the directory itself (./dir:/target)")
			return
		}
		c.hostFile(path, options.Device, "")
	case options.Bind:
		c.ask(policy.AllowHostMounts, path, "the volume binds %q, which begins where Docker was started", options.Device)
	case options.Unknown != "":
		c.ask(policy.AllowHostMounts, path, "a volume of the type %q can show any file of this host, or of another one", options.Unknown)
	case policy.UnknownTmpfsOption(options.Flags) != "":
		c.ask(policy.AllowSecurityOptions, path, "what the option %s does in a file system in memory is not known", policy.UnknownTmpfsOption(options.Flags))
	}
}

// volumesOfNone checks the volumes that no service of the project mounts: colored ones do.
func (c *checker) volumesOfNone(p *types.Project) {
	mounted := map[string]bool{}
	for _, s := range p.Services {
		for _, v := range s.Volumes {
			mounted[v.Source] = true
		}
	}
	for _, key := range sortedKeys(p.Volumes) {
		if !mounted[key] {
			c.volume([]string{"volumes", key}, p.Volumes[key])
		}
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
	if c.IsHostFile(file) {
		return false // see fromHost
	}
	target, err := filepath.EvalSymlinks(file)
	if err != nil {
		target = file
	}
	if c.HoldsSocket(file) || c.HoldsSocket(target) {
		c.ask(policy.AllowDockerSocket, path, "%s holds the Docker socket, and whoever has that is root on this host", file)
		return false
	}
	_, err = rootfile.Inside(c.App.Root, file)
	switch {
	case errors.Is(err, rootfile.ErrOutside):
		c.outside(path, file, target)
	case errors.Is(err, fs.ErrNotExist):
		if advice != "" && !c.MissingElsewhere(file, path...) {
			c.fault(path, "%s is not in git: %s", rootfile.Relative(c.App.Root, file), advice)
		}
	case err != nil:
		c.fault(path, "%s cannot be read: %s", rootfile.Relative(c.App.Root, file), err)
	}
	return err == nil
}

// outside refuses a path that leads out of the app's directory, unless the
// host's policy allows both the path and what it leads to.
func (c *checker) outside(path []string, file, target string) {
	if c.Policy.AllowsMount(file) && c.Policy.AllowsMount(target) || c.HasData(c.App.Name, file, target) {
		return
	}
	// Where a relative path ends on this host changes from commit to commit, so
	// no policy can name it.
	if rel, err := filepath.Rel(c.Dir(), file); err == nil && c.Mentions(rel, path...) {
		c.fault(path, "%s is outside the app's directory: keep the file in git beside the Compose file", rel)
		return
	}
	c.fault(path, "%s is outside the app's directory: keep the file in git beside the Compose file, or let this host's policy.allow list \"%s:%s\"",
		file, policy.AllowHostMounts, target)
}

// copied checks the secrets and configs of a service that are not mounted: Compose copies
// them into the container, and nothing can be copied into one that is read-only, also not
// to where it has a file system in memory.
func (c *checker) copied(name string, s types.ServiceConfig) {
	if !s.ReadOnly {
		return
	}
	for _, ref := range s.Secrets {
		if x := c.project.Secrets[ref.Source]; x.Environment != "" || x.Content != "" {
			c.fault(at(name, "secrets", "~"+ref.Source), "the secret %s is copied into the container, which is read_only: remove read_only, or give %s the value under environment:", ref.Source, name)
		}
	}
	for _, ref := range s.Configs {
		if x := c.project.Configs[ref.Source]; x.Environment != "" || x.Content != "" {
			c.fault(at(name, "configs", "~"+ref.Source), "the config %s is copied into the container, which is read_only: put its content into a file in git, and write configs: {%s: {file: ./<path>}}; or remove read_only", ref.Source, ref.Source)
		}
	}
}
