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
	ctx, cancel := context.WithTimeout(ctx, cleanTime)
	defer cancel()
	kept := r.memory.kept(app.Release, w.stacks[0].Release, w.stacks[1].Release)
	var waste []Image
	for _, o := range r.memory.Images {
		if !slices.Contains(waste, o.Image) && !r.memory.needs(o.Image, kept) && !r.Needed(o.Image) {
			waste = append(waste, o.Image)
		}
	}
	if len(waste) == 0 {
		return nil
	}
	gone, err := r.Janitor.RemoveImages(ctx, waste)
	r.memory.Images = slices.DeleteFunc(r.memory.Images, func(o OwnedImage) bool { return slices.Contains(gone, o.Image) })
	if err != nil || len(gone) > 0 {
		message := fmt.Sprintf("%d of %d images that no release needs", len(gone), len(waste))
		r.Emit(Event{Time: r.Now(), App: r.Name, Kind: Cleaned, Commit: r.memory.Commit, Message: message, Err: err})
	}
	if len(gone) == 0 {
		return nil
	}
	return r.save()
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
