package compose_test

import (
	"strings"
	"testing"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/image"
	"github.com/google/go-cmp/cmp"

	"tandem/compose"
	"tandem/internal/harness/testbed"
	"tandem/internal/harness/testbed/tb"
	"tandem/reconciler/deploy"
)

// pulled deploys an image from a registry and takes the stack away again, so
// that nothing but its names keeps the image.
func pulled(t *testing.T, name string) (*bed, deploy.Image) {
	t.Helper()
	b := newBed(t, name)
	r := tb.Registry(t, testbed.RegistryOptions{})
	// Its own label makes it an image that no other test has.
	b.runs(b.publish(r, testbed.Login{}, "1", "of "+b.app.Name))
	b.up(deploy.Blue)
	images, err := b.client.Images(t.Context(), b.stack(deploy.Blue))
	if err != nil || len(images) != 1 || images[0].Digest == "" {
		t.Fatalf("images are %+v (%v), want one with a digest", images, err)
	}
	tb.Images(t, b.engine, images[0].Ref)
	if gone := b.remove(images[0]); len(gone) > 0 {
		t.Fatalf("removed %v while the stack runs", gone)
	}
	if err := b.engine.RemoveProject(t.Context(), b.app.Project(deploy.Blue)); err != nil {
		t.Fatal(err)
	}
	return b, images[0]
}

func (b *bed) remove(images ...deploy.Image) []deploy.Image {
	b.t.Helper()
	gone, err := b.client.RemoveImages(b.t.Context(), images)
	if err != nil {
		b.t.Fatal(err)
	}
	return gone
}

// names are the image's tags on this host, and whether it is here at all.
func (b *bed) names(i deploy.Image) (tags []string, here bool) {
	b.t.Helper()
	info, err := b.engine.Client.ImageInspect(b.t.Context(), i.ID)
	if err != nil && !cerrdefs.IsNotFound(err) {
		b.t.Fatal(err)
	}
	return info.RepoTags, err == nil
}

func TestRemoveImages_RemovesWhatNobodyNeeds(t *testing.T) {
	b, image := pulled(t, "sweep")
	for range 2 { // gone is gone, also when it was before
		if diff := cmp.Diff([]deploy.Image{image}, b.remove(image)); diff != "" {
			t.Errorf("gone (-want +got):\n%s", diff)
		}
		if tags, here := b.names(image); here {
			t.Errorf("the image is still here, as %v", tags)
		}
	}
}

func TestRemoveImages_KeepsWhatAContainerOfAnotherProjectUses(t *testing.T) {
	b, image := pulled(t, "usedby")
	created, err := b.engine.Client.ContainerCreate(t.Context(), &container.Config{Image: image.Ref}, nil, nil, nil, "")
	if err != nil {
		t.Fatal(err)
	}
	tb.Container(t, b.engine, created.ID)
	if gone := b.remove(image); len(gone) > 0 {
		t.Errorf("gone is %v, want nothing", gone)
	}
	if tags, here := b.names(image); !here || len(tags) != 1 {
		t.Errorf("it is here: %t, as %v; want it as it was", here, tags)
	}
}

func TestRemoveImages_LeavesAnImageUnderTheNameThatSomebodyGaveIt(t *testing.T) {
	b, image := pulled(t, "named")
	mine := b.image + "-kept:1"
	tb.Images(t, b.engine, mine)
	if err := b.engine.Client.ImageTag(t.Context(), image.ID, mine); err != nil {
		t.Fatal(err)
	}
	if gone := b.remove(image); len(gone) != 1 {
		t.Errorf("gone is %v, want the image, as ours", gone)
	}
	if tags, here := b.names(image); !here || len(tags) != 1 || tags[0] != mine {
		t.Errorf("it is here: %t, as %v; want it as %s", here, tags, mine)
	}
}

func TestRemoveImages_LeavesATagThatHasMovedToAnotherImage(t *testing.T) {
	b, image := pulled(t, "moved")
	b.build(image.Ref, "another one of "+b.app.Name)
	if gone := b.remove(image); len(gone) != 1 {
		t.Errorf("gone is %v, want the image", gone)
	}
	if tags, here := b.names(image); here {
		t.Errorf("the image is still here, as %v", tags)
	}
	if _, err := b.engine.Client.ImageInspect(t.Context(), image.Ref); err != nil {
		t.Errorf("the other image is gone: %v", err)
	}
}

func TestRemoveImages_OfOneThatIsPinnedByItsDigest(t *testing.T) {
	b := newBed(t, "pinned")
	r := tb.Registry(t, testbed.RegistryOptions{})
	ref := b.publish(r, testbed.Login{}, "1", "pinned in "+b.app.Name)
	b.runs(ref)
	b.up(deploy.Blue)
	digest := b.instance(deploy.Blue, "api").Image
	if err := b.engine.RemoveProject(t.Context(), b.app.Project(deploy.Blue)); err != nil {
		t.Fatal(err)
	}
	b.remove(deploy.Image{Ref: ref, ID: b.idOf(ref), Digest: digest})
	b.runs(ref + "@" + digest)
	b.up(deploy.Blue)
	images, err := b.client.Images(t.Context(), b.stack(deploy.Blue))
	if err != nil {
		t.Fatal(err)
	}
	if err := b.engine.RemoveProject(t.Context(), b.app.Project(deploy.Blue)); err != nil {
		t.Fatal(err)
	}
	if gone := b.remove(images...); len(gone) != 1 {
		t.Errorf("gone is %v of %v, want all", gone, images)
	}
	if tags, here := b.names(images[0]); here {
		t.Errorf("the image is still here, as %v", tags)
	}
}

func (b *bed) idOf(ref string) string {
	b.t.Helper()
	info, err := b.engine.Client.ImageInspect(b.t.Context(), ref)
	if err != nil {
		b.t.Fatal(err)
	}
	return info.ID
}

// With containerd's image store the id is a digest, and a digest that was pulled is a tag.
func TestNextName_WithContainerdsImageStore(t *testing.T) {
	const id, other = "sha256:1111111111111111111111111111111111111111111111111111111111111111", "sha256:2222222222222222222222222222222222222222222222222222222222222222"
	const shop = "registry.example.com/shop"
	for name, c := range map[string]struct {
		ref           string
		tags, digests []string
		want          string
		ours          bool
	}{
		"pinned":                        {shop + "@" + id, []string{shop + "@" + id}, []string{shop + "@" + id}, shop + "@" + id, true},
		"pinned, with its tag":          {shop + ":1@" + id, []string{shop + "@" + id}, []string{shop + "@" + id}, shop + "@" + id, true},
		"pinned, and a tag of it":       {shop + "@" + id, []string{shop + ":1", shop + "@" + id}, []string{shop + "@" + id}, "", false},
		"pulled by its tag":             {shop + ":1", []string{shop + ":1"}, []string{shop + "@" + id}, shop + ":1", true},
		"by its tag, and pinned":        {shop + ":1", []string{shop + ":1", shop + "@" + id}, []string{shop + "@" + id}, shop + ":1", true},
		"the tag is gone":               {shop + ":1", []string{shop + "@" + id}, []string{shop + "@" + id}, shop + "@" + id, true},
		"another repository's":          {shop + "@" + id, []string{"mine@" + id}, []string{"mine@" + id}, "", false},
		"without any name":              {shop + "@" + id, nil, nil, id, true},
		"Docker's own store has no tag": {shop + "@" + other, nil, []string{shop + "@" + other}, shop + "@" + other, true},
	} {
		digest := id
		if strings.HasSuffix(c.ref, other) {
			digest = other
		}
		got, ours := compose.NextName(image.InspectResponse{ID: id, RepoTags: c.tags, RepoDigests: c.digests}, deploy.Image{Ref: c.ref, ID: id, Digest: digest})
		if got != c.want || ours != c.ours {
			t.Errorf("%s: %q, ours: %t; want %q, %t", name, got, ours, c.want, c.ours)
		}
	}
}
