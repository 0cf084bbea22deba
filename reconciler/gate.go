package reconciler

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"tandem/reconciler/deploy"
)

const (
	// probePause lies between two questions to the same route, so that a stack
	// that is ready is noticed within a few hundredths of a second. Each answer that is not
	// good makes it half as long again, up to calmEvery: an app may limit how often it
	// is asked, and then says no for as long as it is asked often. Where nobody answers,
	// nobody is bothered.
	probePause = 25 * time.Millisecond
	// warmPause is the same for a stack all of whose containers have run for warmTime:
	// it is not about to fall over, and a way back must not wait.
	warmPause = 5 * time.Millisecond
	warmTime  = 10 * time.Second
	// lookPause lies between two looks at the containers, which cost the engine more.
	lookPause = 100 * time.Millisecond
	// settleTime is how long a service must run that neither has a health command
	// nor serves a route: staying up is the only sign of health that it can give.
	settleTime = 2 * time.Second
)

// gate proves that every service of one stack is healthy. It is used once.
type gate struct {
	stacks        Stacks
	examiner      Examiner
	prober        DirectProber
	holders       Holders
	app           deploy.App
	color         deploy.Color
	now           func() time.Time
	seen          *deploy.Stack // as it was a moment ago, to begin with; nil where nobody looked
	noAlternative bool          // nothing else could be live instead: then late answers are only a warning

	startedAt time.Time            // set by pass
	warm      chan struct{}        // closed when all containers are seen to have run for warmTime
	ready     chan struct{}        // has word when nothing is lacking any more
	ahead     map[string]time.Time // when a start that lies ahead was first seen, by container and start

	mu      sync.Mutex
	pending map[string]pendingProof // what is not proven yet, by route or service
	lates   map[string]string       // what was late of the answers that were let pass, by route
}

// pendingProof is one thing that the gate still waits for.
type pendingProof struct {
	what    string // the last failure
	service string // whose log tells more; empty: nobody's
	slow    bool   // the answer was right but late
}

// pass returns the stack as it was seen to be healthy, a *RejectError when it is
// not or not in time, and ctx's error when ctx ends first. Other errors are the
// world's.
func (g *gate) pass(ctx context.Context) (deploy.Stack, error) {
	deadline, cancel := context.WithTimeoutCause(ctx, g.app.Gate.Timeout, errGateTimeout)
	defer cancel()
	g.pending, g.ahead = map[string]pendingProof{}, map[string]time.Time{}
	g.startedAt, g.lates = time.Now(), map[string]string{}
	g.warm, g.ready = make(chan struct{}), make(chan struct{}, 1)
	for _, r := range g.app.Routes {
		g.set("route "+r.Name, pendingProof{what: "no answer yet", service: r.Service})
	}
	g.set("containers", pendingProof{what: "not looked at yet"})

	var wg sync.WaitGroup
	defer wg.Wait()
	defer cancel()
	for _, r := range g.app.Routes {
		wg.Go(func() { g.probeRoute(deadline, r) })
	}
	exams := map[string]context.CancelFunc{} // by container: the health commands that run already
	var last *deploy.Stack                   // as this gate saw it last: the time may be over in the middle of a look
	for first := true; ; first = false {
		stack, fresh, err := g.nextLook(deadline, first)
		if fresh && err == nil {
			last = &stack
			err = g.checkPorts(deadline, stack)
		}
		if err == nil {
			g.noteWarm(stack)
			err = g.checkContainers(deadline, &wg, exams, stack)
		}
		switch {
		case ctx.Err() != nil:
			return deploy.Stack{}, ctx.Err()
		case errors.Is(context.Cause(deadline), errGateTimeout) && last != nil:
			return deploy.Stack{}, g.timedOut(ctx, *last)
		case err != nil:
			return deploy.Stack{}, err
		case fresh && g.proven():
			return stack, nil
		}
		// A warm stack proves itself in less than a pause, and a way back must not wait.
		waitFor(deadline, lookPause, g.ready)
	}
}

// started rejects a container that ended right after its start. For the planner
// such a stack is one that has to be brought up, and it would be, without end.
func (g *gate) started(ctx context.Context) error {
	stack, err := g.observe(ctx)
	if err != nil {
		return err
	}
	return g.anyEnded(ctx, stack, false)
}

// singletonsStarted is the same for the singletons, which are started later.
func (g *gate) singletonsStarted(ctx context.Context) error {
	stack, err := g.observe(ctx)
	if err != nil {
		return err
	}
	return g.anyEnded(ctx, stack, true)
}

func (g *gate) anyEnded(ctx context.Context, s deploy.Stack, singletons bool) error {
	for _, c := range s.Containers {
		if c.Singleton != singletons {
			continue
		}
		if err := g.ended(ctx, c); err != nil {
			return err
		}
	}
	return nil
}

var errGateTimeout = errors.New("the gate's time is over")

func (g *gate) observe(ctx context.Context) (deploy.Stack, error) {
	pair, err := observeStacks(ctx, g.stacks, g.app)
	if err != nil {
		return deploy.Stack{}, err
	}
	if g.color == deploy.Green {
		return pair[1], nil
	}
	return pair[0], nil
}

// nextLook looks, but begins with what was seen a moment ago: a way back must not wait
// for Docker to say the same again. What is proven at last is proven of a fresh look.
func (g *gate) nextLook(ctx context.Context, first bool) (s deploy.Stack, fresh bool, err error) {
	if first && g.seen != nil {
		return *g.seen, false, nil
	}
	s, err = g.observe(ctx)
	return s, true, err
}

// checkContainers fails at once when a container ended or was restarted, and
// notes what is still missing otherwise.
func (g *gate) checkContainers(ctx context.Context, wg *sync.WaitGroup, exams map[string]context.CancelFunc, s deploy.Stack) error {
	routed := map[string]bool{}
	for _, r := range g.app.Routes {
		routed[r.Service] = true
	}
	var waiting []string
	switch {
	case len(s.Missing) > 0:
		waiting = append(waiting, "no container for "+strings.Join(s.Missing, ", "))
	case len(s.Containers) == 0:
		waiting = append(waiting, "no containers")
	}
	culprit := ""
	for _, c := range s.Containers {
		if c.Singleton {
			continue // it runs in the live color only, which this need not be
		}
		if err := g.ended(ctx, c); err != nil {
			return err
		}
		before := len(waiting)
		switch {
		case c.Ended():
			if end, running := exams[c.ID]; running {
				end()
				g.clear("health " + c.ID) // at the next look once more, should it still be answering
			}
		case c.OneShot && c.State != "exited":
			waiting = append(waiting, c.Name+" has not finished")
		case c.State != "running":
			waiting = append(waiting, c.Name+" is "+c.State)
		case c.Unpublished != "":
			waiting = append(waiting, c.Name+" is "+c.Words())
		case c.Loops && g.age(c) < g.unlooped():
			waiting = append(waiting, c.Name+" has run for less than "+g.unlooped().String())
		case c.HealthCommand && c.State == "running":
			if _, running := exams[c.ID]; !running {
				exam, end := context.WithCancel(ctx)
				exams[c.ID] = end
				g.set("health "+c.ID, pendingProof{what: c.Service + ": health command has not answered", service: c.Service})
				wg.Go(func() { g.examine(exam, c) })
			}
		case g.age(c) >= settleTime:
		case !routed[c.Service], c.Restarts > 0 && c.State == "running":
			waiting = append(waiting, c.Name+" has run for less than "+settleTime.String())
		}
		if culprit == "" && len(waiting) > before {
			culprit = c.Service
		}
	}
	if len(waiting) == 0 {
		g.clear("containers")
	} else {
		g.set("containers", pendingProof{what: strings.Join(waiting, "; "), service: culprit})
	}
	return nil
}

// checkPorts notes which routes' ports are not those of the stack's own containers:
// whoever answers there is not the release.
func (g *gate) checkPorts(ctx context.Context, s deploy.Stack) error {
	var ports []int
	for _, r := range g.app.Routes {
		ports = append(ports, r.Ports.Of(g.color))
	}
	ctx, cancel := context.WithTimeout(ctx, lookTime)
	defer cancel()
	holders, err := g.holders.Holders(ctx, ports)
	if err != nil {
		return lookError(err)
	}
	if what, service := g.unpublished(s, holders); len(what) > 0 {
		g.set("ports", pendingProof{what: strings.Join(what, "; "), service: service})
	} else {
		g.clear("ports")
	}
	return nil
}

// ended rejects a container that does not stay up.
func (g *gate) ended(ctx context.Context, c deploy.Container) error {
	switch {
	case c.Ended():
		return nil
	case c.State == "restarting", c.Loops && (c.State == "exited" || c.Restarts > 0 && g.startedJustNow(c)):
		return g.reject(ctx, deploy.RestartLoop, c, fmt.Sprintf("%s ends and is started again and again (%s)%s", c.Name, c.HowEnded(), c.IfMeant()))
	case c.State == "exited" || c.State == "dead":
		return g.reject(ctx, deploy.ContainerExited, c, fmt.Sprintf("%s ended with %s%s", c.Name, c.HowEnded(), c.IfMeant()))
	case c.State == "running" && c.Restarts > 0 && g.startedJustNow(c):
		return g.reject(ctx, deploy.RestartLoop, c, fmt.Sprintf("%s ended and was started again (restarts: %d)", c.Name, c.Restarts))
	default:
		return nil
	}
}

// unlooped is how long a container must run that was started again and again: the engine
// takes a loop to be over after warmTime.
func (g *gate) unlooped() time.Duration { return min(warmTime, g.app.Gate.Timeout/2) }

func (g *gate) startedJustNow(c deploy.Container) bool {
	age := g.now().Sub(c.StartedAt)
	return age >= 0 && age < settleTime
}

// age is for how long the container has run. Where the clock was set back since its
// start, or the engine's is another, the start lies ahead, and it is for how long this
// gate has seen it run: waiting for the start to be past could take days.
func (g *gate) age(c deploy.Container) time.Duration {
	now := g.now()
	if age := now.Sub(c.StartedAt); age >= 0 {
		return age
	}
	key := c.ID + c.StartedAt.String()
	first, seen := g.ahead[key]
	if !seen {
		first, g.ahead[key] = now, now
	}
	return now.Sub(first)
}

func (g *gate) isWarm() bool {
	select {
	case <-g.warm:
		return true
	default:
		return false
	}
}

func (g *gate) noteWarm(s deploy.Stack) {
	cold := func(c deploy.Container) bool { return !c.Singleton && !c.Ended() && g.age(c) < warmTime }
	if s.Condition == deploy.Running && !g.isWarm() && !slices.ContainsFunc(s.Containers, cold) {
		close(g.warm)
	}
}

// timedOut names everything that was still lacking, and shows the log of the
// first service to blame.
func (g *gate) timedOut(ctx context.Context, s deploy.Stack) error {
	g.mu.Lock()
	lacks := sortedByKey(g.pending)
	g.mu.Unlock()
	var what []string
	service, reason := "", deploy.TooSlow
	for _, l := range lacks {
		what = append(what, l.what)
		if service == "" {
			service = l.service
		}
		if !l.slow {
			reason = deploy.Unhealthy
		}
	}
	detail := fmt.Sprintf("not healthy within %s: %s", g.app.Gate.Timeout, strings.Join(what, "; "))
	for _, c := range s.Containers {
		if c.Service == service {
			return g.reject(ctx, reason, c, detail)
		}
	}
	return &deploy.RejectError{Reason: reason, Detail: detail}
}

func (g *gate) reject(ctx context.Context, why deploy.Reason, c deploy.Container, detail string) error {
	return &deploy.RejectError{Reason: why, Detail: detail, Logs: lastLogs(ctx, g.examiner, c, gateLogTime)}
}

// How long the last lines of a log are waited for. Traffic does not suffer from a
// release at the gate; from one in its watch it does.
const (
	gateLogTime  = 15 * time.Second
	watchLogTime = 2 * time.Second
)

// lastLogs fetches the end of a container's log for a message. It is given its
// own short time, because the message must be written even when the time that
// is judged is over; where there is no log, the message does without.
func lastLogs(ctx context.Context, e Examiner, c deploy.Container, most time.Duration) string {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), most)
	defer cancel()
	logs, err := e.Logs(ctx, c, deploy.LogLineLimit)
	if err != nil {
		return "(no log: " + err.Error() + ")"
	}
	return logs
}

func (g *gate) set(key string, l pendingProof) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.pending[key] = l
}

func (g *gate) clear(key string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.pending, key)
	if len(g.pending) == 0 {
		signal(g.ready)
	}
}

func (g *gate) proven() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return len(g.pending) == 0
}
