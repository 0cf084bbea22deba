package reconciler

import (
	"context"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sync/semaphore"

	"tandem/reconciler/deploy"
)

// crowd notes how many of the calls that are named so go on at once, on all stages that
// it is the hook of; each takes a second.
type crowd struct {
	names     []string
	mu        sync.Mutex
	now, most int
}

func (c *crowd) hook(name string) {
	if !slices.Contains(c.names, name) {
		return
	}
	c.count(1)
	wait(context.Background(), time.Second)
	c.count(-1)
}

func (c *crowd) count(n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now += n
	c.most = max(c.most, c.now)
}

func TestSlots_NoMoreAppsReadAndAskDockerAtOnceAndEachComesToItsTurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := crowd{names: []string{"resolver.resolve", "stacks.observe"}}
		slots := semaphore.NewWeighted(3)
		var apps []*process
		for range 20 {
			w := newStage(t)
			before := w.start()
			desired := before.push("c1", yamlOf("1", deploy.Green))
			before.Offer(desired)
			before.Once(before.ctx)
			before.kill()
			w.onCall = c.hook
			p := w.start()
			p.options.Slots = slots
			p.Offer(desired)
			apps = append(apps, p)
		}
		for _, p := range apps {
			p.run()
		}
		elapse(t, time.Minute)
		for _, p := range apps {
			p.is(t, p.Status(), "Live/UpToDate, live 1 in green; history 1:Promoted")
			p.kill()
		}
		if c.most != 3 {
			t.Errorf("%d at once, want 3", c.most)
		}
	})
}

func TestSlots_AnAppAtItsGateIsInNobodysWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slots := semaphore.NewWeighted(1)
		gated, other := newStage(t), newStage(t)
		gated.fates["1"] = bearing{sick: true}
		for _, w := range []*stage{gated, other} {
			p := w.start()
			p.options.Slots = slots
			p.Offer(p.push("c1", yamlOf("1", deploy.Green)))
			p.run()
			elapse(t, 10*time.Second)
			if w == other {
				p.is(t, p.Status(), "Live/UpToDate, live 1 in green; history 1:Promoted")
			}
			defer p.kill()
		}
	})
}

func TestSlots_WhoeverIsStoppedDoesNotWaitForOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slots := semaphore.NewWeighted(1)
		if !slots.TryAcquire(1) { // somebody's, for ever
			t.Fatal("there is no turn")
		}
		w := newStage(t)
		p := w.start()
		p.options.Slots = slots
		p.Offer(p.push("c1", yamlOf("1", deploy.Green)))
		done := make(chan struct{})
		go func() { p.Run(p.ctx); close(done) }()
		elapse(t, time.Minute)
		p.kill()
		<-done
	})
}
