package compose_test

import (
	"fmt"
	"testing"
	"time"

	"tandem/internal/harness/testbed/tb"
	"tandem/reconciler/deploy"
)

func (b *bed) usage(s deploy.Stack) deploy.Usage {
	b.t.Helper()
	u, err := b.client.Usage(b.t.Context(), s)
	if err != nil {
		b.t.Fatal(err)
	}
	return u
}

func TestUsage_GrowsWithWhatAProgramTakes(t *testing.T) {
	b := newBed(t, "usage")
	b.runs("IMAGE:${TAG}", "    mem_limit: 512m\n", "  hog: {image: 'IMAGE:1', command: [grow], mem_limit: 128m}\n", "  idle: {image: 'IMAGE:1', command: [wait]}\n")
	b.up(deploy.Blue)
	stack := b.stack(deploy.Blue)
	before := b.usage(stack)
	if before.Memory <= 0 || before.Memory > 64<<20 || before.Share <= 0 || before.Share > 0.5 {
		t.Errorf("at rest it uses %+v, want some of the memory", before)
	}
	hog := b.instance(deploy.Blue, "hog")
	if err := b.engine.Client.ContainerKill(t.Context(), hog.ID, "HUP"); err != nil {
		t.Fatal(err)
	}
	tb.Until(t, time.Minute, "the memory and a second of work", func() error {
		u := b.usage(stack)
		if u.Memory-before.Memory < 60<<20 || u.CPU-before.CPU < time.Second || u.NearestToLimit != hog.Name || u.Share < 0.45 {
			return fmt.Errorf("was %+v, is %+v", before, u)
		}
		return nil
	})
	first := stack.Containers[0].StartedAt
	for _, c := range stack.Containers {
		if c.StartedAt.Before(first) {
			first = c.StartedAt
		}
	}
	if !before.Started.Equal(first) {
		t.Errorf("started at %s, want %s", before.Started, first)
	}
}

func TestUsage_OfWhatDoesNotRunIsNothing(t *testing.T) {
	b := newBed(t, "nousage")
	b.runs("IMAGE:${TAG}", "    mem_limit: 512m\n")
	b.up(deploy.Blue)
	stack := b.stack(deploy.Blue)
	if err := b.client.Stop(t.Context(), b.app, deploy.Blue); err != nil {
		t.Fatal(err)
	}
	if got := b.usage(stack); got != (deploy.Usage{}) {
		t.Errorf("a stopped stack uses %+v, want nothing", got)
	}
	if err := b.engine.RemoveContainer(t.Context(), stack.Containers[0].ID); err != nil {
		t.Fatal(err)
	}
	if got := b.usage(stack); got != (deploy.Usage{}) {
		t.Errorf("a stack that is gone uses %+v, want nothing", got)
	}
}
