package reconciler

import (
	"testing"
	"time"

	"tandem/reconciler/deploy"
)

// loop is how a container ends and is started again and again.
type loop struct {
	life   time.Duration // after each start
	engine int           // how often the engine starts it again, after ever longer pauses, before that is left to the agent
}

// looping makes the container of a color do so from now on.
func (w *stage) looping(c deploy.Color, l loop) {
	began := time.Now()
	was, state := w.stacks[c].containers[0], ""
	w.onCall = func(name string) {
		if name != "stacks.observe" && name != "stacks.up" {
			return
		}
		w.change(func() {
			x := &w.stacks[c].containers[0]
			if x.ID != was.ID && state == "exited" { // the agent started it; one that is started anyway it cannot
				began = time.Now()
			}
			*x = was
			defer func() { state = x.State }()
			at, pause := began, 100*time.Millisecond
			for n := 0; ; n++ {
				x.StartedAt, x.Restarts, x.State, x.ExitCode, x.OutOfMemory = at, n, "running", 0, false
				if at = at.Add(l.life); time.Now().Before(at) {
					return
				}
				x.State, x.ExitCode, x.OutOfMemory = "restarting", 137, true
				if n == l.engine {
					x.State = "exited"
					return
				}
				if at = at.Add(pause); time.Now().Before(at) {
					return
				}
				pause = min(2*pause, time.Minute)
			}
		})
	}
}

// Every status that is told is a commit on the status branch, and the agent is woken by each
// end and each start.
func TestRunner_ARestartLoopOfTheLiveStackIsToldOnce(t *testing.T) {
	const without = 1 << 30
	for name, c := range map[string]struct {
		loop
		first string // what is told before it is known to be a loop
	}{
		"at once":                    {loop{300 * time.Millisecond, without}, ""},
		"after a while":              {loop{6 * time.Second, without}, ""},
		"given up by the engine":     {loop{300 * time.Millisecond, 4}, ""},
		"started by the agent alone": {loop{300 * time.Millisecond, 0}, "Healing Healing UpToDate "},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, w *stage) {
				p := w.start()
				p.deploy("c1", yamlOf("1", deploy.Green))
				w.did()
				w.looping(deploy.Green, c.loop)
				p.run()
				for range 10 * 60 * 4 {
					p.Wake()
					elapse(t, 250*time.Millisecond)
				}
				told := ""
				for _, e := range w.told(deploy.StatusChanged) {
					told += string(e.Reason) + " "
				}
				if want := c.first + "RestartLoop "; told != want {
					t.Errorf("told %q, want %q", told, want)
				}
				want := "green: RestartLoop: shop-green-api-1 ends and is started again and again (exit code 137, out of memory)"
				if s := p.Status(); s.Phase != deploy.PhaseDegraded || s.Message != want {
					t.Errorf("%s: %q\nwant %q", s.Phase, s.Message, want)
				}
				w.change(func() { w.onCall = nil; w.lie(deploy.Green, "exited") })
				p.Wake()
				elapse(t, 2*time.Minute)
				p.is(t, p.Status(), "Live/UpToDate, live 1 in green; history 1:Promoted")
			})
		})
	}
}

func TestRememberingStacks_HowAContainerEndedIsKnownUntilItHasRunForAWhile(t *testing.T) {
	bubble(t, func(t *testing.T, w *stage) {
		x := rememberingStacks{now: time.Now, ends: map[string]deploy.Container{}}
		began := time.Now()
		is := func(state string, code int, start time.Duration, loops bool) deploy.Container {
			return deploy.Container{ID: "id", State: state, ExitCode: code, StartedAt: began.Add(start), Loops: loops}
		}
		for i, c := range []struct {
			seen  deploy.Container
			loops bool
			code  int
		}{
			{seen: is("running", 0, 0, false)},
			{seen: is("exited", 1, 0, false), code: 1},
			{seen: is("exited", 1, 0, false), code: 1}, // the same end
			{seen: is("running", 0, 1, false)},         // the agent started it
			{seen: is("exited", 2, 1, false), loops: true, code: 2},
			{seen: is("running", 0, 2, false), loops: true, code: 2},
			{seen: is("restarting", 3, 2, false), loops: true, code: 3},
			{seen: is("running", 0, 3, false), loops: true, code: 3},
			{seen: is("exited", 4, 3, false), loops: true, code: 4},
			{seen: is("running", 0, 5-warmTime, false)}, // for long enough
			{seen: is("restarting", 5, 5-warmTime, false), code: 5},
			{seen: is("running", 0, 4, false), loops: true, code: 5},
		} {
			if c.seen.StartedAt.Before(began) {
				elapse(t, 5)
			}
			if got := x.withEnd(c.seen); got.Loops != c.loops || got.ExitCode != c.code {
				t.Errorf("%d: %+v; want %v, exit code %d", i, got, c.loops, c.code)
			}
		}
		done := is("exited", 0, 9, false)
		done.ID, done.MayEnd = "job", true
		if got := x.withEnd(done); got != done || len(x.ends) != 1 {
			t.Errorf("what may end has ended well: %+v, %+v", got, x.ends)
		}
		x.Stacks, x.memory = fakeStacks{w.start()}, &deploy.Memory{}
		if _, err := x.Observe(t.Context(), deploy.App{}); err != nil || len(x.ends) > 0 {
			t.Errorf("what is gone is still known: %v (%v)", x.ends, err)
		}
	})
}
