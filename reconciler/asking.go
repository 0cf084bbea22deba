package reconciler

import (
	"context"
	"time"

	"tandem/reconciler/deploy"
)

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
