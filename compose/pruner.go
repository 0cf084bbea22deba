package compose

import (
	"cmp"
	"context"
	"slices"
	"strings"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/distribution/reference"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/api/types/image"

	"tandem/compose/project"
	"tandem/reconciler/deploy"
)

// Images returns the images that the stack's containers were made from, each
// once.
func (c *Client) Images(ctx context.Context, s deploy.Stack) ([]deploy.Image, error) {
	if err := c.ready(ctx); err != nil {
		return nil, err
	}
	var images []deploy.Image
	app := ""
	for _, ctr := range s.Containers {
		info, err := c.engine.ContainerInspect(ctx, ctr.ID)
		if cerrdefs.IsNotFound(err) {
			continue
		}
		if err != nil {
			return nil, engineError(ctx, "inspect container "+ctr.Name, err)
		}
		app = cmp.Or(app, info.Config.Labels[project.LabelApp])
		i := deploy.Image{Ref: info.Config.Image, ID: info.Image, Digest: info.Config.Labels[project.LabelImage]}
		if !slices.Contains(images, i) {
			images = append(images, i)
		}
	}
	built, err := c.builtImages(ctx, app, s.Release)
	if err != nil {
		return nil, err
	}
	for _, i := range built {
		if !slices.ContainsFunc(images, func(o deploy.Image) bool { return o.Ref == i.Ref }) {
			images = append(images, i)
		}
	}
	return images, nil
}

// builtImages are those that were built for a release, also for services that are no part of
// its stacks, such as a migration.
func (c *Client) builtImages(ctx context.Context, app string, release deploy.Release) ([]deploy.Image, error) {
	if app == "" || release.IsZero() {
		return nil, nil
	}
	list, err := c.engine.ImageList(ctx, image.ListOptions{Filters: filters.NewArgs(filters.Arg("label", project.LabelBuiltFor+"="+app))})
	if err != nil {
		return nil, engineError(ctx, "list the images that were built for "+app, err)
	}
	var images []deploy.Image
	for _, built := range list {
		for _, tag := range built.RepoTags {
			if strings.HasPrefix(tag, app+"-") && strings.HasSuffix(tag, ":"+release.Tag) {
				images = append(images, deploy.Image{Ref: tag, ID: built.ID})
			}
		}
	}
	return images, nil
}

// RemoveImages takes the names by which this app pulled the images away from
// this host; the engine removes an image with its last name. One that a
// container uses, of whatever project and running or not, is left alone, and is
// not among those returned. One that has another name stays under that name, and
// counts as gone. Nothing is forced.
func (c *Client) RemoveImages(ctx context.Context, images []deploy.Image) ([]deploy.Image, error) {
	if err := c.ready(ctx); err != nil {
		return nil, err
	}
	list, err := c.engine.ContainerList(ctx, container.ListOptions{All: true})
	if err != nil {
		return nil, engineError(ctx, "list all containers", err)
	}
	used := map[string]bool{}
	for _, s := range list {
		used[s.ImageID] = true
	}
	var gone []deploy.Image
	for _, i := range images {
		if used[i.ID] {
			continue
		}
		ok, err := c.removeImage(ctx, i)
		if err != nil {
			return gone, err
		}
		if ok {
			gone = append(gone, i)
		}
	}
	return gone, nil
}

// removeImage tells whether the image is gone, or has none of our names any
// more.
func (c *Client) removeImage(ctx context.Context, i deploy.Image) (bool, error) {
	// An image has few names, and each turn takes one of them away.
	for range 8 {
		local, err := c.engine.ImageInspect(ctx, i.ID)
		if cerrdefs.IsNotFound(err) {
			return true, nil
		}
		if err != nil {
			return false, engineError(ctx, "look for image "+i.Ref, err)
		}
		name, ours := nextName(local, i)
		if !ours {
			return true, nil
		}
		_, err = c.engine.ImageRemove(ctx, name, image.RemoveOptions{PruneChildren: true})
		if cerrdefs.IsConflict(err) {
			return false, nil // somebody has begun to use it
		}
		if err != nil && !cerrdefs.IsNotFound(err) {
			return false, engineError(ctx, "remove image "+name, err)
		}
		c.log.Info("image removed", "image", name, "id", i.ID)
	}
	return false, nil
}

// nextName chooses what to remove of an image next: the tag it was pulled by, if
// that is still its own, then the digest, unless another tag of the same
// repository needs that, and the image itself when it has no name left.
//
// With containerd's image store, Docker 29's default, a digest by which an image was pulled
// is listed as a tag of it, too.
func nextName(local image.InspectResponse, i deploy.Image) (name string, ours bool) {
	local.RepoTags = slices.DeleteFunc(slices.Clone(local.RepoTags), func(tag string) bool { return slices.Contains(local.RepoDigests, tag) })
	if len(local.RepoTags)+len(local.RepoDigests) == 0 {
		return local.ID, true
	}
	ref, err := reference.ParseNormalizedNamed(i.Ref)
	if err != nil {
		return "", false
	}
	_, pinned := ref.(reference.Digested) // Docker gives it no tag then
	if tag := reference.FamiliarString(reference.TagNameOnly(ref)); !pinned && slices.Contains(local.RepoTags, tag) {
		return tag, true
	}
	digest := reference.FamiliarName(ref) + "@" + i.Digest
	if slices.Contains(local.RepoDigests, digest) && !slices.ContainsFunc(local.RepoTags, inRepository(ref)) {
		return digest, true
	}
	return "", false
}

// inRepository tells which names are tags of the same repository.
func inRepository(ref reference.Named) func(string) bool {
	return func(tag string) bool {
		other, err := reference.ParseNormalizedNamed(tag)
		return err == nil && other.Name() == ref.Name()
	}
}
