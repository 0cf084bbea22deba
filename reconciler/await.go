package reconciler

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"tandem/reconciler/deploy"
)

// A commit is often there before its image is: who pushes a bump does not wait for the
// build. So a registry that does not have an image yet is asked again for a while, and
// only then is the release rejected. Nothing else is done for the release meanwhile: the
// live stack, the standby and its being a backup stay as they are.

// longestAsk is the longest pause between two questions for an image.
const longestAsk = 30 * time.Second

// mayAwait tells whether the failure is an image whose time is not over.
func (r *Runner) mayAwait(of deploy.App, bad *deploy.RejectError) bool {
	return bad.Reason == deploy.ImageNotFound && r.options.Now().Before(r.awaitedSince(of.Release).Add(of.Gate.ImageTimeout))
}

// awaitedSince is when an image of the release was missed first.
func (r *Runner) awaitedSince(release deploy.Release) time.Time {
	if a := r.memory.Awaited; a != nil && a.Release == release && a.Generation == r.memory.Generation {
		return a.Since
	}
	return r.noted()
}

// await notes that an image is missing. It is asked for again after a pause.
func (r *Runner) await(release deploy.Release, missing *deploy.RejectError) error {
	r.memory.Awaited = &deploy.Awaited{Release: release, Generation: r.memory.Generation, Since: r.awaitedSince(release), Detail: missing.Detail}
	r.pauseAsking()
	return r.save()
}

// pauseAsking sets when the image is asked for again: the longer it has been missing, the
// longer is the pause.
func (r *Runner) pauseAsking() {
	pause := min(max(firstPause, r.options.Now().Sub(r.memory.Awaited.Since)/2), longestAsk)
	r.nextAsk = r.options.Now().Add(pause + rand.N(pause/5))
}

// awaits tells whether the desired release waits for an image, and asks for it when the
// pause is over. What else a registry may answer is for the step that pulls to tell, and
// so is an image whose time is over.
func (r *Runner) awaits(ctx context.Context, app deploy.App, w *world) (bool, error) {
	a := r.memory.Awaited
	if a == nil || a.Detail == "" || a.Release != app.Release || a.Generation != r.memory.Generation {
		return false, nil
	}
	until := a.Since.Add(app.Gate.ImageTimeout)
	if !r.options.Now().Before(until) {
		return false, nil
	}
	w.at(until)
	if r.options.Now().Before(r.nextAsk) {
		w.at(r.nextAsk)
		return true, nil
	}
	err := r.options.Stacks.LookForImages(ctx, app)
	var missing *deploy.RejectError
	if errors.As(err, &missing) && missing.Reason == deploy.ImageNotFound {
		a.Detail = missing.Detail
		r.pauseAsking()
		w.at(r.nextAsk)
		return true, nil
	}
	if ctx.Err() != nil {
		return false, ctx.Err()
	}
	a.Detail = ""
	return false, r.save()
}

// awaited says what the release waits for.
func (r *Runner) awaited(app deploy.App) string {
	a := r.memory.Awaited
	return fmt.Sprintf("waits for the image until %s (gate.image_timeout: %s): %s",
		a.Since.Add(app.Gate.ImageTimeout).UTC().Format("15:04:05Z"), app.Gate.ImageTimeout, a.Detail)
}
