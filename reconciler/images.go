package reconciler

import (
	"context"
	"fmt"
	"slices"
	"time"

	"tandem/reconciler/deploy"
)

// cleanTime bounds one removal of images: the engine may be slow, and nothing
// waits for it.
const cleanTime = time.Minute

// own notes which images a stack brought here, whatever becomes of it. What is
// not noted is never removed.
func (r *Runner) own(ctx context.Context, s deploy.Stack) {
	if s.Release.IsZero() {
		return
	}
	images, err := r.options.Pruner.Images(ctx, s)
	if err != nil {
		return // an image more that stays; that is no reason to stop a deploy
	}
	for _, i := range images {
		if o := (deploy.OwnedImage{Image: i, Release: s.Release}); !slices.Contains(r.memory.Images, o) {
			r.memory.Images = append(r.memory.Images, o)
		}
	}
}

// unneeded are the images of releases that neither a stack nor the history needs.
func (r *Runner) unneeded(app deploy.App, w world) []deploy.Image {
	kept := r.memory.NeededReleases(app.Release, w.stacks[0].Release, w.stacks[1].Release)
	return r.unusedImages(kept, func(deploy.Image) bool { return true })
}

// prune removes what became needless, once. It fails nothing: what could not be removed is
// tried again after the next deploy.
func (r *Runner) prune(ctx context.Context, app deploy.App, w world) error {
	r.dirty = false
	_, err := r.removeWaste(ctx, r.unneeded(app, w))
	return err
}

// madeRoom tells whether something was removed because of err, which says that there is no
// room for it: networks of stopped stacks, or images. Of these all go that nothing has a
// stack of and that a registry has: to return to such a release, they are pulled again.
func (r *Runner) madeRoom(ctx context.Context, app deploy.App, w world, err error) bool {
	why := deploy.ReasonOf(err)
	if ctx.Err() != nil || why != deploy.DiskFull && why != deploy.NoAddresses {
		return false
	}
	if why == deploy.NoAddresses {
		ctx, cancel := context.WithTimeout(ctx, cleanTime)
		defer cancel()
		gone, err := r.options.Pruner.PruneNetworks(ctx)
		return err == nil && gone > 0
	}
	kept := []deploy.Release{app.Release, w.stacks[0].Release, w.stacks[1].Release, r.memory.Live.Release}
	gone, err := r.removeWaste(ctx, r.unusedImages(kept, func(i deploy.Image) bool { return i.Digest != "" }))
	return err == nil && gone > 0
}

// unusedImages lists the images that none of the kept releases needs, nor another app.
func (r *Runner) unusedImages(kept []deploy.Release, may func(deploy.Image) bool) []deploy.Image {
	var waste []deploy.Image
	for _, o := range r.memory.Images {
		if may(o.Image) && !slices.Contains(waste, o.Image) && !r.memory.Needs(o.Image, kept) && !r.options.InUse(o.Image) {
			waste = append(waste, o.Image)
		}
	}
	return waste
}

// removeWaste returns how many of the images are gone.
func (r *Runner) removeWaste(ctx context.Context, waste []deploy.Image) (int, error) {
	if len(waste) == 0 {
		return 0, nil
	}
	ctx, cancel := context.WithTimeout(ctx, cleanTime)
	defer cancel()
	gone, err := r.options.Pruner.RemoveImages(ctx, waste)
	r.memory.Images = slices.DeleteFunc(r.memory.Images, func(o deploy.OwnedImage) bool { return slices.Contains(gone, o.Image) })
	if err != nil || len(gone) > 0 {
		message := fmt.Sprintf("%d of %d images that no release needs", len(gone), len(waste))
		r.options.Emit(deploy.Event{Time: r.options.Now(), App: r.options.Name, Kind: deploy.Cleaned, Commit: r.memory.Commit, Message: message, Err: err})
	}
	if len(gone) == 0 {
		return 0, nil
	}
	return len(gone), r.save()
}

// Needs tells whether the app needs the image, so that another app does not
// remove it. It may be called from anywhere.
func (r *Runner) Needs(i deploy.Image) bool {
	r.exchange.mu.Lock()
	defer r.exchange.mu.Unlock()
	return r.exchange.memory.Needs(i, r.exchange.memory.NeededReleases())
}
