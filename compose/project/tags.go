package project

import (
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/distribution/reference"

	"tandem/reconciler/deploy"
)

// The tag of tandem.yaml is what a deploy changes, so that it has to change what runs. A
// file with ${TAG} says itself where it goes, and so does images: in tandem.yaml. In any
// other file it takes the place of the tag of the routed services' images, and of those
// that are released together with them.

// images puts the tag into the images of both colors.
func (x *projection) images() {
	replace := x.taggedImages()
	x.eachColored(func(_ deploy.Color, name string, s types.ServiceConfig) types.ServiceConfig {
		if image, ok := replace[name]; ok && image != s.Image {
			x.note(at(name, "image"), "%s in place of %s, because the tag is %s", image, s.Image, x.App.Tag)
			s.Image = image
		}
		return s
	})
}

// taggedImages are the services whose image is replaced, with what takes its place.
func (x *projection) taggedImages() map[string]string {
	replace := map[string]string{}
	blue := x.colored[deploy.Blue].Services
	if len(x.App.Images) > 0 {
		for service, repository := range x.App.Images {
			replace[service] = repository + ":" + x.App.Tag
		}
		return replace
	}
	for name := range blue {
		if s := x.plain.Services[name]; strings.Contains(s.Image, plainTag) || s.Build != nil && s.Image == "" {
			return nil // the file says where the tag goes
		}
	}
	var routed []imageName
	for _, r := range x.App.Routes {
		if named, ok := parseImage(blue[r.Service].Image); ok {
			routed = append(routed, named)
		}
	}
	for name, s := range blue {
		named, ok := parseImage(s.Image)
		if ok && slices.ContainsFunc(routed, named.releasedWith) {
			replace[name] = named.text + ":" + x.App.Tag
		}
	}
	return replace
}

// imageName is an image's name in its parts.
type imageName struct {
	text       string // as the file has it, without tag and digest
	repository string // in full
	owner      string // the repository without its last part
	tag        string
}

func parseImage(image string) (imageName, bool) {
	named, err := reference.ParseNormalizedNamed(image)
	if err != nil {
		return imageName{}, false
	}
	n := imageName{text: reference.FamiliarName(named), repository: named.Name(), tag: "latest"}
	n.owner = n.repository[:max(strings.LastIndex(n.repository, "/"), 0)]
	if tagged, ok := named.(reference.Tagged); ok {
		n.tag = tagged.Tag()
	}
	return n, true
}

// releasedWith tells whether two images get their tags together: they are of one repository,
// or of one owner with the same tag. Docker's official images have one owner and nothing to
// do with each other.
func (n imageName) releasedWith(o imageName) bool {
	official := strings.HasSuffix(n.owner, "/library")
	return n.repository == o.repository || n.owner == o.owner && n.tag == o.tag && !official
}
