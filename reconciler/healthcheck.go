package reconciler

import (
	"context"
	"strings"
	"time"

	"tandem/reconciler/deploy"
)

// probeRoute asks one route until it has answered well often enough in a row,
// and then once a second until the gate ends, because a proof can be lost again.
func (g *gate) probeRoute(ctx context.Context, r deploy.Route) {
	key, row, pause := "route "+r.Name, 0, probePause
	for ctx.Err() == nil {
		answer := ask(ctx, g.prober, r, g.color)
		if over(ctx) {
			return
		}
		late := g.excuse(r, answer.late)
		if answer.sick != "" || late != "" {
			row = 0
			g.set(key, pendingProof{what: r.Name + ": " + answer.sick + late, service: r.Service, slow: answer.sick == ""})
		} else if row++; row >= g.app.Gate.Successes {
			g.clear(key)
		}
		switch {
		case row >= g.app.Gate.Successes:
			pause = probePause
			wait(ctx, calmEvery)
		case row > 0:
			waitFor(ctx, probePause, g.warm)
			if g.isWarm() {
				wait(ctx, warmPause)
			}
		case answer.came:
			wait(ctx, pause)
			pause = longer(pause)
		default:
			wait(ctx, probePause)
		}
	}
}

// excuse lets an answer of the route pass that is right but late, and notes that. It
// returns what still counts: all, where something else could be live, or where the stack
// has not had its time to warm up.
func (g *gate) excuse(r deploy.Route, late string) string {
	if late != "" && (!g.noAlternative || time.Since(g.startedAt) < min(deploy.LongestWarmUp, g.app.Gate.Timeout/2)) {
		return late
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.lates, r.Name)
	if late != "" {
		g.lates[r.Name] = "health answer of " + r.Name + ": " + late
	}
	return ""
}

// warning says what was let pass; empty: nothing.
func (g *gate) warning() string {
	if len(g.lates) == 0 {
		return ""
	}
	return strings.Join(sortedByKey(g.lates), "; ") + "; there is nothing to go back to, so it passed its gate"
}

// examine runs a service's own health command until it succeeds once.
func (g *gate) examine(ctx context.Context, c deploy.Container) {
	for pause := lookPause; ctx.Err() == nil; pause = longer(pause) {
		err := g.examiner.Health(ctx, c)
		if err == nil {
			g.clear("health " + c.ID)
			return
		}
		if over(ctx) {
			return
		}
		g.set("health "+c.ID, pendingProof{what: c.Service + ": health command: " + err.Error(), service: c.Service})
		wait(ctx, pause)
	}
}

// longer is the pause after that one while what is asked does not say yes.
func longer(pause time.Duration) time.Duration { return min(pause*3/2, calmEvery) }

// lateTime is how much later than max_latency a health answer is still an answer. What
// has not come by then is no answer, which is as bad as a wrong one.
const lateTime = time.Second

// patient is the route as it is asked: a late answer has to be told from none.
func patient(r deploy.Route) deploy.Route {
	r.Health.MaxLatency += lateTime
	return r
}

// healthAnswer is what a route said of its health.
type healthAnswer struct {
	sick string // what is wrong with it; empty: nothing
	late string // it is right, but later than the route allows; empty: in time
	came bool   // somebody answered
}

// ask asks a route for its health.
func ask(ctx context.Context, p DirectProber, r deploy.Route, c deploy.Color) healthAnswer {
	asked := patient(r)
	probe := p.Probe(ctx, asked, c)
	a := healthAnswer{sick: asked.Health.Sick(probe), came: probe.Err == nil}
	if a.sick == "" {
		a.late = r.Health.Sick(probe)
	}
	return a
}
