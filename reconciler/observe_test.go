package reconciler

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"tandem/reconciler/deploy"
)

func TestRunner_TrafficThatSomebodyMovedIsMovedBack(t *testing.T) {
	bubble(t, func(t *testing.T, w *stage) {
		p := w.start()
		p.deploy("c1", yamlOf("1", deploy.Green))
		p.deploy("c2", yamlOf("2", deploy.Blue))
		before := w.saved.Live
		w.did()
		w.change(func() { w.live = deploy.Green })
		wait(t.Context(), time.Minute)
		s := p.Once(p.ctx)
		p.is(t, s, "Live/UpToDate, live 2 in blue, standby 1 warm; history 2:Promoted 1:Promoted")
		if !strings.Contains(s.Message, "nginx sent traffic to green, which nobody decided; moved back to blue") {
			t.Errorf("message %q", s.Message)
		}
		w.wantDid(t, "Drifted+BackupChange: backup-off blue 2; gate blue 2; flip blue 2; backup-on green 1")
		if w.saved.Live != before {
			t.Errorf("live release %+v, want it unchanged: %+v", w.saved.Live, before)
		}
	})
}

func TestRunner_RepairedFileIsTold(t *testing.T) {
	bubble(t, func(t *testing.T, w *stage) {
		p := w.start()
		p.deploy("c1", yamlOf("1", deploy.Green))
		w.change(func() { w.repaired = []string{"shop.conf"} })
		if s := p.Once(p.ctx); !strings.Contains(s.Message, "shop.conf had been changed by somebody else; written again") {
			t.Errorf("message %q", s.Message)
		}
	})
}

func TestRunner_ChangedPortsDoNotMoveLiveTraffic(t *testing.T) {
	const other = "routes:\n  api: {ports: {blue: 4001, green: 4002}, health: /health}"
	bubble(t, func(t *testing.T, w *stage) {
		ports := func() deploy.Ports { return w.routing.Routes[0].Ports }
		p := w.start()
		p.deploy("c1", yamlOf("1", deploy.Green))
		p.is(t, p.deploy("c2", yamlOf("2", deploy.Blue, other)), "Live/UpToDate, live 2 in blue, standby 1 warm; history 2:Promoted 1:Promoted")
		if got := ports(); got != (deploy.Ports{Blue: 4001, Green: 3002}) {
			t.Errorf("routed to %v, want blue's new port and the one on which the standby listens", got)
		}
		p = w.start() // it has to be read from the files again
		p.deploy("c2", yamlOf("2", deploy.Blue, other))
		if got := ports(); got != (deploy.Ports{Blue: 4001, Green: 3002}) {
			t.Errorf("routed to %v after a restart", got)
		}
		p.is(t, p.deploy("c3", yamlOf("3", deploy.Green, other)), "Live/UpToDate, live 3 in green, standby 2 warm; history 3:Promoted 2:Promoted 1:Promoted")
		if got := ports(); got != (deploy.Ports{Blue: 4001, Green: 4002}) {
			t.Errorf("routed to %v, want the new ports once both stacks listen there", got)
		}
	})
}

func TestRunner_ASiteThatUsesARouteOfBeforeIsToldAndDeploysGoOn(t *testing.T) {
	const renamed = "routes:\n  web: {service: api, ports: {blue: 3001, green: 3002}, health: /health}"
	bubble(t, func(t *testing.T, w *stage) {
		p := w.start()
		p.deploy("c1", yamlOf("1", deploy.Green))
		w.outdated = &deploy.RouterError{Reason: deploy.SiteOutdated, Detail: "the site uses api"}
		s := p.deploy("c2", yamlOf("2", deploy.Blue, renamed))
		p.is(t, s, "Degraded/SiteOutdated, live 2 in blue, standby 1 warm; history 2:Promoted 1:Promoted")
		if !strings.Contains(s.Message, "the site uses api") {
			t.Errorf("message %q", s.Message)
		}
		former := w.routing.FormerRoutes
		if len(former) != 1 || former[0].Name != "api" || former[0].Color != deploy.Green || former[0].Access != (deploy.Accesses{Green: deploy.AccessOpen}) || former[0].Of.Tag != "1" {
			t.Errorf("of the routes of before Nginx is given %+v, want that of the standby, as it has it", former)
		}
		s = p.deploy("c3", yamlOf("3", deploy.Green, renamed))
		p.is(t, s, "Degraded/SiteOutdated, live 3 in green, standby 2 warm; history 3:Promoted 2:Promoted 1:Promoted")
		if former := w.routing.FormerRoutes; len(former) > 0 {
			t.Errorf("Nginx is given %+v, which no stack has any more", former)
		}
		w.outdated = nil
		p.is(t, p.Once(p.ctx), "Live/UpToDate, live 3 in green, standby 2 warm; history 3:Promoted 2:Promoted 1:Promoted")
	})
}

func TestRunner_ASiteThatWasOutdatedIsLookedAtAgainWithoutAnEvent(t *testing.T) {
	bubble(t, func(t *testing.T, w *stage) {
		p := w.start()
		p.deploy("c1", yamlOf("1", deploy.Green))
		w.change(func() { w.outdated = &deploy.RouterError{Reason: deploy.SiteOutdated, Detail: "the site uses api"} })
		p.is(t, p.Once(p.ctx), "Degraded/SiteOutdated, live 1 in green; history 1:Promoted")
		p.run()
		elapse(t, 2*seldom)
		w.change(func() { w.outdated = nil })
		elapse(t, 2*seldom)
		p.is(t, p.Status(), "Live/UpToDate, live 1 in green; history 1:Promoted")
		p.kill()
		synctest.Wait()
	})
}

func TestRunner_TrafficStaysWhereItIsUntilNginxReachesTheNewStack(t *testing.T) {
	bubble(t, func(t *testing.T, w *stage) {
		p := w.start()
		p.deploy("c1", yamlOf("1", deploy.Green))
		w.unreached = &deploy.RouterError{Reason: deploy.NotReached, Detail: "nobody answers"}
		s := p.deploy("c2", yamlOf("2", deploy.Blue))
		p.is(t, s, "Degraded/NotReached, live 1 in green, standby 2 warm; history 1:Promoted")
		if !strings.Contains(s.Message, "nobody answers") || w.live != deploy.Green {
			t.Errorf("message %q, and %s is live", s.Message, w.live)
		}
		w.unreached = nil
		p.is(t, p.Once(p.ctx), "Live/UpToDate, live 2 in blue, standby 1 warm; history 2:Promoted 1:Promoted")
	})
}

func TestRunner_RootsAreThoseOfTheDesiredAndTheLiveRelease(t *testing.T) {
	bubble(t, func(t *testing.T, w *stage) {
		p := w.start()
		p.deploy("c1", yamlOf("1", deploy.Green))
		old := w.saved.Live.Root
		w.fates["2"] = bearing{sick: true}
		p.deploy("c2", yamlOf("2", deploy.Blue))
		roots := p.Roots()
		if !roots[old] || len(roots) != 2 {
			t.Errorf("roots %v, want the live release's and one more", roots)
		}
		if !w.start().Roots()[old] {
			t.Error("the live release's files are not needed after a restart")
		}
	})
}
