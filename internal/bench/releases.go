package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"tandem/internal/stage"
)

// measureReleases takes the time from asking for a new release to its first answer.
func (b *bench) measureReleases(ctx context.Context) (_ section, err error) {
	t, c, end, err := b.newPair(ctx)
	defer func() { err = errors.Join(err, end()) }()
	if err != nil {
		return section{}, err
	}

	var ours, bare, theirs series
	parts := map[string]series{}
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
			parts[name] = append(parts[name], took)
		}
		one, err := b.bare(ctx, t.Stage, fmt.Sprintf("3.%d.0", round))
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
		ours, bare, theirs = append(ours, total), append(bare, one.Seconds()), append(theirs, other.Seconds())
		b.say("  round %d: tandem %s, bare Docker %s, the script %s", round+1, seconds(total), seconds(one.Seconds()), seconds(other.Seconds()))
	}
	return releaseSection(ours, bare, theirs, parts), nil
}

func releaseSection(ours, bare, theirs series, parts map[string]series) section {
	var added series
	for i := range ours {
		added = append(added, ours[i]-bare[i])
	}
	s := section{
		intro: `A release that this host has not seen yet: its image is in the registry only.
"Bare Docker" is the floor under all of it: the image pulled, one such container
created and started through the engine's API, and one good answer of its health page.`,
		header: []string{"what", "time"},
		rows: [][]string{
			{"tandem / the script", ratios(ours, theirs).text(plain)},
			{"tandem, from the start of `git push`", ours.text(seconds)},
			{"the script, from its start", theirs.text(seconds)},
			{"bare Docker", bare.text(seconds)},
			{"tandem, beyond bare Docker", added.text(seconds)},
		},
		notes: []string{
			target("beyond bare Docker", added.median(), .15, seconds),
			target("share of the script's time", ratios(ours, theirs).median(), .5, plain),
			"Tandem and the script replace the container that the color had before; bare Docker has nothing to stop and remove.",
		},
	}
	for _, name := range releaseParts {
		s.rows = append(s.rows, []string{"tandem: " + name, parts[name].text(seconds)})
	}
	return s
}

// releaseParts are the parts of a release's time, in their order.
var releaseParts = []string{partNotice, partPull, partStart, partGate, partFlip, partConfirm, partRest}

const (
	partNotice  = "push, notice, fetch"
	partPull    = "pull"
	partStart   = "create and start"
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
		name, message string
		words         []string
	}{
		{partPull, "image pulled", nil},
		{partStart, "step done", []string{"step=up", "tag=" + tag}},
		{partGate, "step done", []string{"step=gate", "tag=" + tag}},
		{partFlip, "step done", []string{"step=flip", "tag=" + tag}},
		{partConfirm, "step done", []string{"step=confirm", "tag=" + tag}},
	} {
		line, err := t.waitFor(ctx, mark, part.message, part.words...)
		if err != nil {
			return nil, err
		}
		if split[part.name], err = took(line); err != nil {
			return nil, err
		}
	}
	split[partStart] -= split[partPull] // which is a part of that step
	return split, nil
}
