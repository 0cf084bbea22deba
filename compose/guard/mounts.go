package guard

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/mount"

	"tandem/compose/policy"
	"tandem/internal/lib/rootfile"
)

// This file judges what a container has mounted: as it is asked for, in the two ways that
// the engine has for that, and as the engine has made it.

// mounts judges the mounts that the engine has made of what was asked for.
func (j judge) mounts(points []container.MountPoint) []trouble {
	var all []trouble
	for _, m := range points {
		switch m.Type {
		case mount.TypeBind:
			all = append(all, j.bind(m.Source, !m.RW, string(m.Propagation))...)
		case mount.TypeVolume:
			all = append(all, j.volume(m.Name, m.Driver)...)
		case mount.TypeTmpfs, mount.TypeImage:
		default:
			all = append(all, trouble{"", fmt.Sprintf("this host has no mounts of the type %s", m.Type)})
		}
	}
	return all
}

func (j judge) bind(source string, readOnly bool, propagation string) []trouble {
	var all []trouble
	file := filepath.Clean(source)
	target, err := filepath.EvalSymlinks(file)
	if err != nil {
		target = file // Docker would make it, or refuse
	}
	switch {
	case j.HoldsSocket(file) || j.HoldsSocket(target):
		all = append(all, trouble{policy.AllowDockerSocket, file + " holds the Docker socket"})
	case j.fromGit(file, target):
		if !readOnly {
			all = append(all, trouble{"", file + " comes from git and could be written to"})
		}
	case readOnly && j.HasHostFile(j.scope.app, file, target):
	case slices.Contains(policy.HarmlessFiles, file) && readOnly, j.HasData(j.scope.app, file, target):
	case !j.Policy.AllowsMount(file) || !j.Policy.AllowsMount(target):
		all = append(all, trouble{policy.AllowHostMounts + ":" + target, "it has " + file + " of this host"})
	}
	if !slices.Contains(policy.PrivatePropagation, propagation) {
		all = append(all, trouble{policy.AllowHostMounts, "mounts pass between this host and the container"})
	}
	return all
}

// fromGit tells whether the path and what it leads to are among the app's files.
func (j judge) fromGit(file, target string) bool {
	return slices.ContainsFunc(j.scope.roots, func(root string) bool {
		real, err := filepath.EvalSymlinks(root)
		return err == nil && rootfile.Below(filepath.Clean(root), file) && rootfile.Below(real, target)
	})
}

func (j judge) volume(name, driver string) []trouble {
	switch {
	case !policy.IsName(name):
		return []trouble{{"", fmt.Sprintf("%q is no name of a volume", name)}}
	case driver != "" && driver != "local":
		return []trouble{{policy.AllowHostPrograms, "the volume " + name + " is made by " + driver}}
	case j.Policy.AllowsExternal(name), !j.inspected(), j.created.anonymous[name]:
		return nil
	}
	v, known := j.created.volumes[name]
	if !known || !j.scope.owns(v.Labels) {
		return []trouble{{policy.AllowExternal + ":" + name, "the volume " + name + " is no part of the app"}}
	}
	return j.volumeOptions(name, v.Driver, v.Options)
}

// volumeOptions judges what Docker's own driver makes of the options of a volume.
func (j judge) volumeOptions(name, driver string, options map[string]string) []trouble {
	o := policy.ParseVolumeOptions(options)
	switch {
	case driver != "" && driver != "local":
		return []trouble{{policy.AllowHostPrograms, "the volume " + name + " is made by " + driver}}
	case o.Bind && filepath.IsAbs(o.Device):
		return j.bind(o.Device, false, "")
	case o.Bind || o.Unknown != "":
		return []trouble{{policy.AllowHostMounts, "the volume " + name + " shows " + options["type"] + " " + o.Device}}
	case policy.UnknownTmpfsOption(o.Flags) != "":
		return []trouble{{policy.AllowSecurityOptions, "the volume " + name + " has the option " + policy.UnknownTmpfsOption(o.Flags)}}
	}
	return nil
}

// mountRequests judges the mounts that the engine is asked for, in both ways to ask.
func (j judge) mountRequests(h *container.HostConfig) []trouble {
	var all []trouble
	for _, text := range h.Binds {
		source, rest, _ := strings.Cut(text, ":")
		_, mode, _ := strings.Cut(rest, ":")
		flags := strings.Split(mode, ",")
		switch {
		case strings.HasPrefix(source, "/"):
			propagation := ""
			for _, flag := range flags {
				if slices.Contains(mount.Propagations, mount.Propagation(flag)) {
					propagation = flag
				}
			}
			all = append(all, j.bind(source, slices.Contains(flags, "ro"), propagation)...)
		default:
			all = append(all, j.volume(source, "")...)
		}
	}
	for _, m := range h.Mounts {
		all = append(all, j.mountRequest(m)...)
	}
	return all
}

func (j judge) mountRequest(m mount.Mount) []trouble {
	var all []trouble
	switch m.Type {
	case mount.TypeBind:
		propagation := ""
		if m.BindOptions != nil {
			propagation = string(m.BindOptions.Propagation)
		}
		all = j.bind(m.Source, m.ReadOnly, propagation)
	case mount.TypeVolume:
		if m.Source != "" {
			all = j.volume(m.Source, "")
		}
		if o := m.VolumeOptions; o != nil && o.DriverConfig != nil {
			all = append(all, j.volumeOptions(m.Source, o.DriverConfig.Name, o.DriverConfig.Options)...)
		}
	case mount.TypeTmpfs:
		if m.TmpfsOptions != nil {
			for _, option := range m.TmpfsOptions.Options {
				if text := strings.Join(option, "="); policy.UnknownTmpfsOption(text) != "" {
					all = append(all, trouble{policy.AllowSecurityOptions, "its tmpfs has the option " + text})
				}
			}
		}
	case mount.TypeImage:
	default:
		all = []trouble{{"", fmt.Sprintf("this host has no mounts of the type %s", m.Type)}}
	}
	return all
}
