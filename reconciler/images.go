package reconciler

import (
	"context"
	"fmt"
	"slices"
	"time"
)

// cleanTime bounds one removal of images: the engine may be slow, and nothing
// waits for it.
const cleanTime = time.Minute

// own notes which images a stack brought here, whatever becomes of it. What is
// not noted is never removed.
func (r *Runner) own(ctx context.Context, s Stack) {
	if s.Release.IsZero() {
		return
	}
	images, err := r.Janitor.Images(ctx, s)
	if err != nil {
		return // an image more that stays; that is no reason to stop a deploy
	}
	for _, i := range images {
		if o := (OwnedImage{i, s.Release}); !slices.Contains(r.memory.Images, o) {
			r.memory.Images = append(r.memory.Images, o)
		}
	}
}

// clean removes the images of releases that neither a stack nor the history
// needs. It fails nothing: what could not be removed is tried again later.
func (r *Runner) clean(ctx context.Context, app App, w world) error {
	kept := r.memory.kept(app.Release, w.stacks[0].Release, w.stacks[1].Release)
	_, err := r.removeWaste(ctx, r.waste(kept, func(Image) bool { return true }))
	return err
}

// madeRoom tells whether something was removed because of err, which says that there is no
// room for it: networks of stopped stacks, or images. Of these all go that nothing has a
// stack of and that a registry has: to return to such a release, they are pulled again.
func (r *Runner) madeRoom(ctx context.Context, app App, w world, err error) bool {
	why := reasonOf(err)
	if ctx.Err() != nil || why != DiskFull && why != NoAddresses {
		return false
	}
	if why == NoAddresses {
		ctx, cancel := context.WithTimeout(ctx, cleanTime)
		defer cancel()
		gone, err := r.Janitor.GiveBackNetworks(ctx)
		return err == nil && gone > 0
	}
	kept := []Release{app.Release, w.stacks[0].Release, w.stacks[1].Release, r.memory.Live.Release}
	gone, err := r.removeWaste(ctx, r.waste(kept, func(i Image) bool { return i.Digest != "" }))
	return err == nil && gone > 0
}

// waste lists the images that none of the kept releases needs, nor another app.
func (r *Runner) waste(kept []Release, may func(Image) bool) []Image {
	var waste []Image
	for _, o := range r.memory.Images {
		if may(o.Image) && !slices.Contains(waste, o.Image) && !r.memory.needs(o.Image, kept) && !r.Needed(o.Image) {
			waste = append(waste, o.Image)
		}
	}
	return waste
}

// removeWaste returns how many of the images are gone.
func (r *Runner) removeWaste(ctx context.Context, waste []Image) (int, error) {
	if len(waste) == 0 {
		return 0, nil
	}
	ctx, cancel := context.WithTimeout(ctx, cleanTime)
	defer cancel()
	gone, err := r.Janitor.RemoveImages(ctx, waste)
	r.memory.Images = slices.DeleteFunc(r.memory.Images, func(o OwnedImage) bool { return slices.Contains(gone, o.Image) })
	if err != nil || len(gone) > 0 {
		message := fmt.Sprintf("%d of %d images that no release needs", len(gone), len(waste))
		r.Emit(Event{Time: r.Now(), App: r.Name, Kind: Cleaned, Commit: r.memory.Commit, Message: message, Err: err})
	}
	if len(gone) == 0 {
		return 0, nil
	}
	return len(gone), r.save()
}

// kept lists the releases that must not have to be pulled again: what is live or
// wanted, what has a stack, and what can be returned to.
func (m *Memory) kept(more ...Release) []Release {
	return slices.Concat(more, m.Promoted, []Release{m.Live.Release})
}

// needs tells whether one of the kept releases runs the image, under whatever name.
// A name alone does not count: a tag that moved on leaves its old image behind.
func (m *Memory) needs(i Image, kept []Release) bool {
	return slices.ContainsFunc(m.Images, func(o OwnedImage) bool {
		return o.ID == i.ID && slices.Contains(kept, o.Release)
	})
}

// Needs tells whether the app needs the image, so that another app does not
// remove it. It may be called from anywhere.
func (r *Runner) Needs(i Image) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.known.needs(i, r.known.kept())
}
