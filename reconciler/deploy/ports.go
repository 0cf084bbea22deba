package deploy

import (
	"fmt"
	"strconv"
	"strings"
)

// A route whose file names no ports gets two of this host, one a color. They are chosen
// once: a port is a part of the release, so another one would be another release. Which
// port to take is decided here, without asking anybody: who chooses says what is in use.

// PortRange is where chosen ports are taken from.
type PortRange struct{ First, Last int }

// The ports that may be in a PortRange. Those below are for root alone.
const (
	lowestPort  = 1024
	highestPort = 65535
)

// ParsePortRange reads a range such as 21000-21999.
func ParsePortRange(text string) (PortRange, error) {
	first, last, two := strings.Cut(text, "-")
	var r PortRange
	for _, x := range []struct {
		text string
		to   *int
	}{{first, &r.First}, {last, &r.Last}} {
		n, err := strconv.ParseUint(strings.TrimSpace(x.text), 10, 16)
		if err != nil || !two {
			return PortRange{}, fmt.Errorf("want the first and the last port, such as 21000-21999, got %q", text)
		}
		*x.to = int(n)
	}
	return r, r.Check()
}

// Check says what is wrong with the range.
func (r PortRange) Check() error {
	switch {
	case r.First > r.Last:
		return fmt.Errorf("the range %s is empty; write the lower port first: %d-%d", r, r.Last, r.First)
	case r.First < lowestPort || r.Last > highestPort:
		return fmt.Errorf("want ports from %d to %d, got %s", lowestPort, highestPort, r)
	case r.First == r.Last:
		return fmt.Errorf("the range %s has one port, and a route needs two; write more, such as 21000-21999", r)
	}
	return nil
}

// String is what ParsePortRange reads.
func (r PortRange) String() string { return fmt.Sprintf("%d-%d", r.First, r.Last) }

// Ports lists the ports of the range.
func (r PortRange) Ports() []int {
	var all []int
	for port := r.First; port <= r.Last; port++ {
		all = append(all, port)
	}
	return all
}

// Set changes the port of one color.
func (p *Ports) Set(c Color, port int) {
	if c == Green {
		p.Green = port
	} else {
		p.Blue = port
	}
}

// complete tells whether each color has a port.
func (p Ports) complete() bool { return p.Blue != 0 && p.Green != 0 }

// PortTable is what was chosen: app -> route -> ports. No port is in it twice.
type PortTable map[string]map[string]Ports

// Fill returns app with the ports that the table has for routes whose file names none.
// complete tells whether each route has its ports then.
func (t PortTable) Fill(app App) (filled App, complete bool) {
	complete = true
	routes := make([]Route, len(app.Routes))
	copy(routes, app.Routes)
	for i, r := range routes {
		if r.Ports == (Ports{}) || r.PortsChosen {
			routes[i].Ports, routes[i].PortsChosen = t[app.Name][r.Name], true
			complete = complete && routes[i].Ports.complete()
		}
	}
	app.Routes = routes
	return app, complete
}

// Choose adds to the table what the routes of app lack, and returns app with it. used tells
// which ports cannot be had, beside those of the table and those that app names itself. The
// error is Faults where the range has too few ports; the table is as it was then.
func (t PortTable) Choose(app App, from PortRange, used func(port int) bool) (App, error) {
	named := map[int]bool{}
	for _, r := range app.Routes {
		named[r.Listen] = true
		if !r.PortsChosen {
			named[r.Ports.Blue], named[r.Ports.Green] = true, true
		}
	}
	next := from.First
	app, _ = t.Fill(app)
	for i, r := range app.Routes {
		for _, c := range Colors() {
			if !r.PortsChosen || r.Ports.Of(c) != 0 {
				continue
			}
			for next <= from.Last && (used(next) || named[next] || t.has(next)) {
				next++
			}
			if next > from.Last {
				return App{}, Faults{{File: app.File, Path: "routes." + r.Name + ".ports", Text: fmt.Sprintf(
					"no port is free for the route in %s: let docker.ports of the agent's file name a wider range, or write two ports of your own, such as ports: {blue: 3001, green: 3002}", from)}}
			}
			app.Routes[i].Ports.Set(c, next)
			next++
		}
	}
	for _, r := range app.Routes {
		if r.PortsChosen {
			t.set(app.Name, r.Name, r.Ports)
		}
	}
	return app, nil
}

func (t PortTable) set(app, route string, p Ports) {
	if t[app] == nil {
		t[app] = map[string]Ports{}
	}
	t[app][route] = p
}

func (t PortTable) has(port int) bool {
	_, _, has := t.Owner(port)
	return has
}

// Owner tells for which route the port was chosen.
func (t PortTable) Owner(port int) (app, route string, chosen bool) {
	for app, routes := range t {
		for route, p := range routes {
			if port != 0 && (p.Blue == port || p.Green == port) {
				return app, route, true
			}
		}
	}
	return "", "", false
}

// Adopt takes over what was found of an app, where the table has nothing for the route
// and nobody else has the ports.
func (t PortTable) Adopt(app string, found map[string]Ports) {
	for route, p := range found {
		if _, known := t[app][route]; !known && p.complete() && p.Blue != p.Green && !t.has(p.Blue) && !t.has(p.Green) {
			t.set(app, route, p)
		}
	}
}

// Drop takes ports back from an app: others are chosen in their place.
func (t PortTable) Drop(app string, ports []int) {
	for _, port := range ports {
		for route, p := range t[app] {
			switch port {
			case p.Blue:
				p.Blue = 0
			case p.Green:
				p.Green = 0
			}
			t[app][route] = p
		}
	}
}

// Conflicts finds the ports that the file names and that were chosen for another route.
// They are kept for that one also while its own file names others: its stack may still run
// with them.
func (t PortTable) Conflicts(app App) Faults {
	var faults Faults
	for _, r := range app.Routes {
		for _, c := range Colors() {
			port := r.Ports.Of(c)
			of, route, chosen := t.Owner(port)
			own := of == app.Name && (route == r.Name || !app.choosesFor(route))
			if chosen && !own && !r.PortsChosen {
				faults = append(faults, Fault{File: app.File, Path: "routes." + r.Name + ".ports." + string(c), Text: fmt.Sprintf(
					"%d was chosen by tandem for the route %s of the app %s; take a port that is not in docker.ports of the agent's file", port, route, of)})
			}
		}
	}
	return faults
}

// choosesFor tells whether the app has the route, and names no ports for it.
func (a App) choosesFor(route string) bool {
	for _, r := range a.Routes {
		if r.Name == route {
			return r.PortsChosen || r.Ports == (Ports{})
		}
	}
	return false
}

// Clone copies the table.
func (t PortTable) Clone() PortTable {
	out := PortTable{}
	for app, routes := range t {
		for route, p := range routes {
			out.set(app, route, p)
		}
	}
	return out
}

// Check says what makes no sense in a table that was read: a name that is none, a port
// that is none, or the same one twice.
func (t PortTable) Check() error {
	seen := map[int]bool{}
	for app, routes := range t {
		for route, p := range routes {
			if !ValidName(app) || !ValidName(route) {
				return fmt.Errorf("%q and %q are no names of an app and a route", app, route)
			}
			for _, c := range Colors() {
				port := p.Of(c)
				if port < 0 || port > highestPort || seen[port] {
					return fmt.Errorf("%d, of the route %s of %s, is no port or there twice", port, route, app)
				}
				seen[port] = port != 0
			}
		}
	}
	return nil
}
