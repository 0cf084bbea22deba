package compose

import (
	"fmt"
	"path/filepath"
	"slices"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/distribution/reference"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/mount"

	"tandem/internal/lib/rootfile"
)

// adoptedDiffers says how a container of the shared stack that tandem did not make differs
// from what the file asks for; "" where it does not, so that it can be left as it is. The
// hash that Compose has left will not do: another version of it computes another one. What
// counts is what the service is: its image, its variables and where its data is.
func adoptedDiffers(p *types.Project, o observed) string {
	s, wanted := p.Services[o.Service]
	if !wanted {
		return ""
	}
	if !sameImage(s.Image, o.image) {
		return fmt.Sprintf("its image is %s, and the file asks for %s", o.image, s.Image)
	}
	for name, value := range s.Environment {
		if value != nil && !slices.Contains(o.variables, name+"="+*value) {
			return "its variable " + name + " has another value" // which may be a secret
		}
	}
	for _, v := range s.Volumes {
		want := v.Source
		switch {
		case v.Type == types.VolumeTypeVolume && v.Source != "":
			want = p.Volumes[v.Source].Name
		case v.Type == types.VolumeTypeBind && !rootfile.Below(p.WorkingDir, v.Source): // what is in git lies elsewhere for each commit
		default:
			continue
		}
		if !slices.ContainsFunc(o.mounts, func(m container.MountPoint) bool { return m.Destination == v.Target && mounts(m, want) }) {
			return fmt.Sprintf("it does not have %s at %s", want, v.Target)
		}
	}
	return ""
}

// mounts tells whether a container has the volume, or the directory, of that name.
func mounts(m container.MountPoint, want string) bool {
	if m.Type == mount.TypeVolume {
		return m.Name == want
	}
	a, err := filepath.EvalSymlinks(m.Source)
	if err != nil {
		a = m.Source
	}
	b, err := filepath.EvalSymlinks(want)
	if err != nil {
		b = want
	}
	return filepath.Clean(a) == filepath.Clean(b)
}

// sameImage tells whether two names mean one image: without a tag it is latest.
func sameImage(a, b string) bool {
	full := func(name string) string {
		named, err := reference.ParseNormalizedNamed(name)
		if err != nil {
			return name
		}
		return reference.TagNameOnly(named).String()
	}
	return full(a) == full(b)
}
