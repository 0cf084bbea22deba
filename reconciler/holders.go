package reconciler

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"tandem/reconciler/deploy"
)

// Nginx sends people's requests to ports of this host's 127.0.0.1, and there is much
// else: databases, pages of administrators, tandem itself. So a port is given to it
// only while nothing but the app's own container can be behind it.

// Holders tells who takes connections to ports of this host's 127.0.0.1.
type Holders interface {
	// Holders returns who holds each of the ports. One without an entry is free.
	Holders(ctx context.Context, ports []int) (map[int]deploy.Holder, error)
}

// strangerTime is for how long a program of the host has to be seen on a port of a
// stack that has containers. Docker's own proxy is such a program for a moment,
// while a container starts or ends.
const strangerTime = time.Second

// seldom is after how long is looked again at what no event tells of, and for which nothing
// waits: a port that something else holds, a site that a person has to change.
const seldom = 10 * time.Second

// lookHolders asks who holds the ports that Nginx has or would get, and those that
// the desired release wants.
func (r *Runner) lookHolders(ctx context.Context, app deploy.App, w *world) error {
	var ports []int
	live, _ := r.liveApp() // without it, its ports need not be known
	for _, a := range []deploy.App{app, r.routing(app, w), live} {
		for _, route := range a.Routes {
			ports = append(ports, route.Ports.Blue, route.Ports.Green)
		}
		for _, route := range a.FormerRoutes {
			ports = append(ports, route.Ports.Of(route.Color))
		}
	}
	slices.Sort(ports)
	ports = slices.Compact(ports)
	if err := r.options.Slots.Acquire(ctx, 1); err != nil {
		return err
	}
	defer r.options.Slots.Release(1)
	ctx, cancel := context.WithTimeout(ctx, lookTime)
	defer cancel()
	var err error
	if w.holders, err = r.options.Holders.Holders(ctx, ports); err != nil {
		return lookError(err)
	}
	for port := range r.proven.strangers {
		if h, held := w.holders[port]; !held || h.Container != "" {
			delete(r.proven.strangers, port)
		}
	}
	for port, h := range w.holders {
		if _, seen := r.proven.strangers[port]; !seen && h.Container == "" && !h.Unknown {
			r.proven.strangers[port] = r.options.Now()
		}
	}
	return nil
}

// opened tells whether one of the stacks was proven to be fit for traffic: it passed
// its gate since this process started, or was live before.
func (r *Runner) opened(w world) bool {
	return slices.ContainsFunc(w.stacks[:], func(s deploy.Stack) bool {
		switch {
		case s.Condition == deploy.Absent || s.Release.IsZero():
			return false
		case s.Condition == deploy.Running && r.proven.gated[s.Color] == s.Instance():
			return true
		default:
			return s.Release == r.memory.Live.Release || r.memory.HasPassed(s.Release)
		}
	})
}

// access decides on the port of one route in one color. service is the one that the
// stack of that color answers the route with; empty: that is not known.
func (r *Runner) access(w *world, c deploy.Color, service string, port int) deploy.Access {
	s := w.of(c)
	h, held := w.holders[port]
	mine := held && s.Publishes(h, service)
	switch {
	case w.stacks[0].Condition == deploy.Absent && w.stacks[1].Condition == deploy.Absent:
		return deploy.AccessClosed
	case held && h.Unknown, mine && s.Release.IsZero():
		return deploy.AccessAsItIs // somebody else's container among the stack's, or nobody knows whose
	case held && !mine:
		if s.Condition != deploy.Absent && r.uncertain(port, h) {
			w.at(r.proven.strangers[port].Add(strangerTime))
			return deploy.AccessAsItIs
		}
		return deploy.AccessTaken
	case r.opened(*w):
		return deploy.AccessOpen
	default:
		return deploy.AccessAsItIs
	}
}

// uncertain tells whether the program on the port may be Docker's own.
func (r *Runner) uncertain(port int, h deploy.Holder) bool {
	return h.Container == "" && r.options.Now().Sub(r.proven.strangers[port]) < strangerTime
}

// takenPort is a port that the desired release wants in one color, and that something
// else holds.
type takenPort struct {
	route   deploy.Route
	color   deploy.Color
	by      deploy.Holder
	project string // of containers of somebody else that run as the color's stack; empty: there are none
}

// taken lists the ports that the desired release could not have. What the color's own
// stack holds is given up before the release is started there.
func (r *Runner) taken(app deploy.App, w world) []takenPort {
	var all []takenPort
	for _, s := range w.stacks {
		// A script that was used before may have called its projects so, and people may
		// still be served by this one.
		up := s.Condition == deploy.Running || s.Condition == deploy.Broken
		if s.Foreign && up && r.memory.Live.Release.IsZero() {
			all = append(all, takenPort{color: s.Color, project: app.Project(s.Color)})
		}
	}
	for _, route := range app.Routes {
		for _, c := range deploy.Colors() {
			h, held := w.holders[route.Ports.Of(c)]
			if held && !h.Unknown && !w.of(c).Publishes(h, "") {
				all = append(all, takenPort{route: route, color: c, by: h})
			}
		}
	}
	return all
}

func (p takenPort) String() string {
	if p.project != "" {
		return fmt.Sprintf("the Compose project %s runs, and tandem did not start it: %s would take its place", p.project, p.color)
	}
	return fmt.Sprintf("port %d of route %s in %s is held by %s", p.route.Ports.Of(p.color), p.route.Name, p.color, p.by.Words)
}

// advice says what to do. What holds the port may be what people are served by, until the
// app was live for the first time.
func (p takenPort) advice(first bool) string {
	if p.project != "" {
		return fmt.Sprintf("let it run as long as people are served by it; once they are not, `docker compose -p %s stop`", p.project)
	}
	other := fmt.Sprintf("write another one into routes.%s.ports.%s", p.route.Name, p.color)
	if p.route.PortsChosen {
		other = fmt.Sprintf("write two ports of your own into routes.%s.ports", p.route.Name)
	}
	if first {
		return other + ", and let that one run: it may be what people are served by"
	}
	return other + fmt.Sprintf(", or let that one go elsewhere (ss -ltnp 'sport = :%d')", p.route.Ports.Of(p.color))
}

// takenError says which ports are in the way; nil: none.
func (r *Runner) takenError(app deploy.App, all []takenPort) error {
	if len(all) == 0 {
		return nil
	}
	first := r.memory.Live.Release.IsZero()
	lines := make([]string, len(all))
	colors := map[deploy.Color]bool{}
	for i, p := range all {
		lines[i] = p.String() + ": " + p.advice(first)
		colors[p.color] = true
	}
	text := strings.Join(lines, "; ")
	if free := app.Color.Other(); first && app.Color != deploy.Auto && !colors[free] {
		text += fmt.Sprintf("; or write \"color: %s\", whose ports are free", free)
	}
	return &deploy.RouterError{Reason: deploy.PortTaken, Detail: text + ". Nginx is not given such a port"}
}

// unpublished says which routes' ports are not those of the stack's own containers:
// whoever answers there is not the release.
func (g *gate) unpublished(s deploy.Stack, holders map[int]deploy.Holder) (what []string, service string) {
	for _, r := range g.app.Routes {
		port := r.Ports.Of(g.color)
		h, held := holders[port]
		switch {
		case held && s.Publishes(h, r.Service):
			continue
		case held:
			what = append(what, fmt.Sprintf("%s: port %d is not published by a container of service %s but held by %s", r.Name, port, r.Service, h.Words))
		default:
			what = append(what, fmt.Sprintf("%s: no container of service %s publishes port %d on 127.0.0.1", r.Name, r.Service, port))
		}
		if service == "" {
			service = r.Service
		}
	}
	return what, service
}
