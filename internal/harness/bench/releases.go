package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"tandem/internal/harness/stage"
)

// measureReleases takes the time from asking for a new release to its first answer.
func (b *bench) measureReleases(ctx context.Context) (_ section, err error) {
	t, c, end, err := b.newPair(ctx)
	defer func() { err = errors.Join(err, end()) }()
	if err != nil {
		return section{}, err
	}

	var f releaseFigures
	f.parts = map[string]series{}
	for round := range b.rounds {
		tag := fmt.Sprintf("2.%d.0", round)
		if err := t.Build(ctx, tag); err != nil {
			return section{}, err
		}
		total, split, err := t.release(ctx, tag)
		if err != nil {
			return section{}, err
		}
		for name, took := range split {
			f.parts[name] = append(f.parts[name], took)
		}
		floor, removal, err := b.bare(ctx, t.Stage, fmt.Sprintf("3.%d.0", round))
		if err != nil {
			return section{}, err
		}
		if err := c.Build(ctx, tag); err != nil {
			return section{}, err
		}
		other, err := deployed(ctx, c, tag)
		if err != nil {
			return section{}, err
		}
		f.ours, f.theirs = append(f.ours, total), append(f.theirs, other.Seconds())
		f.bare, f.replacing = append(f.bare, floor.Seconds()), append(f.replacing, (floor+removal).Seconds())
		b.say("  round %d: tandem %s, bare Docker %s, the script %s", round+1, seconds(total), seconds(floor.Seconds()), seconds(other.Seconds()))
	}
	return f.section(), nil
}

// releaseFigures are the seconds of each round.
type releaseFigures struct {
	ours, theirs    series
	bare, replacing series            // bare Docker without and with a container to remove first
	parts           map[string]series // of ours, by name
}

func (f releaseFigures) section() section {
	added := differences(f.ours, f.bare)
	s := section{
		intro: `A release that this host has not seen yet: its image is in the registry only.
"Bare Docker" is the floor under all of it: the image pulled, one such container
created and started through the engine's API, and one good answer of its health page.
Tandem and the script replace the container that the color had before, so there is a row
for bare Docker with one to stop and remove, too.`,
		header: []string{"what", "time"},
		rows: [][]string{
			{"tandem / the script", ratios(f.ours, f.theirs).text(plain)},
			{"tandem, from the start of `git push`", f.ours.text(seconds)},
			{"the script, from its start", f.theirs.text(seconds)},
			{"bare Docker", f.bare.text(seconds)},
			{"bare Docker, a container stopped and removed first", f.replacing.text(seconds)},
			{"tandem, beyond bare Docker", added.text(seconds)},
			{"tandem, beyond bare Docker with that", differences(f.ours, f.replacing).text(seconds)},
		},
		notes: []string{
			target("beyond bare Docker", added.median(), .15, seconds),
			target("share of the script's time", ratios(f.ours, f.theirs).median(), .5, plain),
		},
	}
	for _, name := range releaseParts {
		s.rows = append(s.rows, []string{"tandem: " + name, f.parts[name].text(seconds)})
	}
	return s
}

// releaseParts are the parts of a release's time, in their order.
var releaseParts = []string{partNotice, partPull, partRemove, partCreate, partStart, partGate, partFlip, partConfirm, partRest}

const (
	partNotice  = "push, notice, fetch"
	partPull    = "pull"
	partRemove  = "stop and remove the containers before"
	partCreate  = "create"
	partStart   = "start"
	partGate    = "gate"
	partFlip    = "flip"
	partConfirm = "confirm"
	partRest    = "the rest: plans, looks at Docker and Nginx, statuses"
)

// release pushes a release, and splits the time until its first answer by what the
// agent's log says.
func (t *tandem) release(ctx context.Context, tag string) (total float64, split map[string]float64, err error) {
	if err := t.Write(stage.Desired{Tag: tag, More: policies}); err != nil {
		return 0, nil, err
	}
	if _, err := t.Git(ctx, "commit", "--quiet", "--all", "--message", "Deploy "+tag); err != nil {
		return 0, nil, err
	}
	mark := t.log.Size()
	began, end, err := timed(ctx, t, tag, func() error {
		_, err := t.Git(ctx, "push", "--quiet", "origin", "main")
		return err
	})
	if err != nil {
		return 0, nil, err
	}
	if split, err = t.split(ctx, mark, began, tag); err != nil {
		return 0, nil, err
	}
	total = end.Sub(began).Seconds()
	rest := total
	for _, took := range split {
		rest -= took
	}
	split[partRest] = rest
	return total, split, t.settled(ctx, tag)
}

func (t *tandem) split(ctx context.Context, mark int64, began time.Time, tag string) (map[string]float64, error) {
	notice, err := t.waitFor(ctx, mark, "new commit")
	if err != nil {
		return nil, err
	}
	split := map[string]float64{partNotice: notice.At.Sub(began).Seconds()}
	for _, part := range []struct {
		name, message, key string
		words              []string
	}{
		{partPull, "image pulled", "took", nil},
		{partRemove, "stack started", "removing", []string{"tag=" + tag}},
		{partCreate, "stack started", "creating", []string{"tag=" + tag}},
		{partStart, "stack started", "starting", []string{"tag=" + tag}},
		{partGate, "step done", "took", []string{"step=gate", "tag=" + tag}},
		{partFlip, "step done", "took", []string{"step=flip", "tag=" + tag}},
		{partConfirm, "step done", "took", []string{"step=confirm", "tag=" + tag}},
	} {
		line, err := t.waitFor(ctx, mark, part.message, part.words...)
		if err != nil {
			return nil, err
		}
		if split[part.name], err = duration(line, part.key); err != nil {
			return nil, err
		}
	}
	return split, nil
}
