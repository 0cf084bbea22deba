package reconciler

import (
	"context"
	"slices"

	"tandem/reconciler/deploy"
)

type fakeHolders struct{ p *process }

// Holders says that the container of the route's service holds the port, as long as it
// runs, and that what the test put on a port holds that.
func (f fakeHolders) Holders(ctx context.Context, ports []int) (held map[int]deploy.Holder, err error) {
	err = f.p.call(ctx, "holders.holders", func() error {
		held = f.p.holding()
		for port := range held {
			if !slices.Contains(ports, port) {
				delete(held, port)
			}
		}
		return nil
	})
	return held, err
}

func (w *stage) holding() map[int]deploy.Holder {
	held := map[int]deploy.Holder{}
	for c, a := range w.stacks {
		for _, r := range a.app.Routes {
			for _, x := range a.containers {
				if x.Service == r.Service && x.State == "running" && !w.portless[x.ID] {
					held[r.Ports.Of(c)] = deploy.Holder{Container: x.ID, Words: "the container " + x.Name}
				}
			}
		}
	}
	for port, h := range w.strangers {
		held[port] = h
	}
	return held
}

// serves checks that the live color's routes lead somewhere at all.
func (w *stage) serves(app deploy.App) {
	for _, r := range app.Routes {
		if _, some := w.given[w.live][r.Name]; !some {
			w.offend("traffic was sent to %s, and route %s leads nowhere", w.live, r.Name)
		}
	}
}

// give lets Nginx have the ports that it may have, and finds promises that are broken
// by it. It is what nginx.Proxy does with a deploy.Access.
func (w *stage) give(app deploy.App) {
	before := w.given
	w.given = map[deploy.Color]map[string]int{deploy.Blue: {}, deploy.Green: {}}
	defer w.keeps(app, before)
	for _, r := range app.Routes {
		for _, c := range deploy.Colors() {
			port := r.Ports.Of(c)
			had := before[c][r.Name] == port
			switch r.Access.Of(c) {
			case deploy.AccessClosed:
				continue
			case deploy.AccessAsItIs:
				if !had {
					continue
				}
			case deploy.AccessTaken:
				if !had || c == w.live || w.backupOn {
					continue
				}
			case deploy.AccessOpen:
			}
			w.given[c][r.Name] = port
			h, held := w.holding()[port]
			if held && !had && !w.stackOf(c).Publishes(h, "") {
				w.offend("port %d of route %s in %s was given to nginx, and %s holds it", port, r.Name, c, h.Words)
			}
		}
	}
}

// keeps checks that nothing was taken away that serves people.
func (w *stage) keeps(app deploy.App, before map[deploy.Color]map[string]int) {
	if w.stackOf(w.live).Condition != deploy.Running {
		return
	}
	for _, r := range app.Routes {
		port := before[w.live][r.Name]
		h, held := w.holding()[port]
		if _, some := w.given[w.live][r.Name]; !some && held && w.stackOf(w.live).Publishes(h, "") {
			w.offend("route %s of %s, which is live and runs, was closed", r.Name, w.live)
		}
	}
}
