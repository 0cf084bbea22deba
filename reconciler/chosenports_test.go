package reconciler

import (
	"testing"

	"tandem/reconciler/deploy"
)

const portlessRoute = "routes: {api: {health: /health}}"

// ports is what the status says of the route api.
func ports(s *deploy.Status) deploy.Ports { return s.Ports["api"] }

func TestChosenPorts_AreThoseThatNginxGetsAndTheStatusTells(t *testing.T) {
	bubble(t, func(t *testing.T, w *stage) {
		p := w.start()
		s := p.deploy("c1", yamlOf("1", deploy.Blue, portlessRoute))
		p.is(t, s, "Live/UpToDate, live 1 in blue; history 1:Promoted")
		w.wantGiven(t, "with chosen ports", "api:21000 api:21001")
		if got := ports(s); got != (deploy.Ports{Blue: 21000, Green: 21001}) {
			t.Errorf("the status tells of the ports %v", got)
		}
		p.is(t, p.deploy("c2", yamlOf("2", deploy.Auto, portlessRoute)), "Live/UpToDate, live 2 in green, standby 1 warm; history 2:Promoted 1:Promoted")
		w.wantGiven(t, "after a bump", "api:21000 api:21001")
		p.honest()
	})
}

// The live stack keeps the port that its containers have until the other one is live.
func TestChosenPorts_GiveWayToNamedOnesAndBackWithoutMovingWhatIsLive(t *testing.T) {
	bubble(t, func(t *testing.T, w *stage) {
		p := w.start()
		p.deploy("c1", yamlOf("1", deploy.Blue, portlessRoute))
		atUp := ""
		w.onCall = func(name string) {
			if name == "stacks.up" {
				atUp = w.gives()
			}
		}
		p.is(t, p.deploy("c2", yamlOf("2", deploy.Green)), "Live/UpToDate, live 2 in green, standby 1 warm; history 2:Promoted 1:Promoted")
		if want := "api:21000 api:3002"; atUp != want {
			t.Errorf("named: as green was brought up nginx had %q, want %q", atUp, want)
		}
		p.is(t, p.deploy("c3", yamlOf("3", deploy.Blue, portlessRoute)), "Live/UpToDate, live 3 in blue, standby 2 warm; history 3:Promoted 2:Promoted 1:Promoted")
		if want := "api:21000 api:3002"; atUp != want {
			t.Errorf("chosen again: as blue was brought up nginx had %q, want %q", atUp, want)
		}
		p.honest()
	})
}

func TestChosenPorts_OfALiveStackAreReadFromItWhereNothingIsKept(t *testing.T) {
	bubble(t, func(t *testing.T, w *stage) {
		p := w.start()
		p.deploy("c1", yamlOf("1", deploy.Blue, portlessRoute))
		w.change(func() { w.saved, w.chosen = deploy.Memory{}, nil })
		p = w.start()
		atUp := ""
		w.onCall = func(name string) {
			if name == "stacks.up" {
				atUp = w.gives()
			}
		}
		if s := p.deploy("c2", yamlOf("2", deploy.Green)); s.Phase != deploy.PhaseLive {
			t.Errorf("%s: %s", summary(s), s.Message)
		}
		if want := "api:21000"; atUp != want {
			t.Errorf("as green was brought up nginx had %q, want %q", atUp, want)
		}
		p.honest()
	})
}

func TestChosenPorts_AHeldOneIsAnotherWhereTheRouteWasNeverLive(t *testing.T) {
	bubble(t, func(t *testing.T, w *stage) {
		w.chosen = deploy.PortTable{"shop": {"api": {Blue: 21000, Green: 21001}}}
		w.strangers[21001] = database
		p := w.start()
		p.is(t, p.deploy("c1", yamlOf("1", deploy.Blue, portlessRoute)), "Live/UpToDate, live 1 in blue; history 1:Promoted")
		w.wantGiven(t, "with another port in green", "api:21000 api:21002")
		p.honest()
	})
}

func TestChosenPorts_AHeldOneOfALiveRouteIsToldAndStays(t *testing.T) {
	bubble(t, func(t *testing.T, w *stage) {
		p := w.start()
		p.deploy("c1", yamlOf("1", deploy.Blue, portlessRoute))
		w.strangers[21001] = database
		ups := w.count("stacks.up")
		s := p.deploy("c2", yamlOf("2", deploy.Auto, portlessRoute))
		p.is(t, s, "Degraded/PortTaken, live 1 in blue; history 1:Promoted")
		says(t, s, "port 21001 of route api in green is held by the program postgres (pid 7)", "routes.api.ports")
		if w.count("stacks.up") != ups || w.count("ports.reallocate") > 0 {
			t.Errorf("%d stacks were brought up, and ports taken back %d times", w.count("stacks.up")-ups, w.count("ports.reallocate"))
		}
		w.change(func() { delete(w.strangers, 21001) })
		if s := p.Once(p.ctx); s.Phase != deploy.PhaseLive {
			t.Errorf("once the port is free: %s: %s", summary(s), s.Message)
		}
		p.honest()
	})
}

// A new route of a live app may have others; those of its live routes stay.
func TestChosenPorts_OfANewRouteOfALiveAppMayBeOthers(t *testing.T) {
	bubble(t, func(t *testing.T, w *stage) {
		w.chosen = deploy.PortTable{"shop": {"web": {Blue: 21002, Green: 21003}}}
		p := w.start()
		p.deploy("c1", yamlOf("1", deploy.Blue))
		w.strangers[21003] = database
		p.is(t, p.deploy("c2", yamlOf("2", deploy.Auto, "routes:\n"+defaultRoute+"  web: {health: /health}")), "Live/UpToDate, live 2 in green, standby 1 warm; history 2:Promoted 1:Promoted")
		w.wantGiven(t, "with another port of web in green", "api:3001 web:21002 api:3002 web:21000")
	})
}

func TestChosenPorts_WhereNoneIsLeftTheFilesAreRefused(t *testing.T) {
	bubble(t, func(t *testing.T, w *stage) {
		p := w.start()
		s := p.deploy("c1", yamlOf("1", deploy.Blue, "routes: {api: {health: /h}, web: {health: /h}, more: {health: /h}}"))
		p.is(t, s, "Refused/Refused; history 1:Refused")
		says(t, s, "shop/tandem.yaml: routes.web.ports: no port is free for the route in 21000-21003", "docker.ports", "ports: {blue: 3001, green: 3002}")
	})
}

// Somebody takes each port before the release is there.
func TestChosenPorts_ThatSomebodyTakesAgainAndAgainAreNoSpin(t *testing.T) {
	bubble(t, func(t *testing.T, w *stage) {
		p := w.start()
		w.onCall = func(name string) {
			if name == "resolver.resolve" {
				w.change(func() {
					clear(w.strangers)
					for _, ports := range w.chosen["shop"] {
						w.strangers[ports.Green] = database
					}
				})
			}
		}
		s := p.deploy("c1", yamlOf("1", deploy.Blue, portlessRoute))
		if n := w.count("ports.reallocate"); s.Phase != deploy.PhaseDegraded || n != maxReallocated+1 {
			t.Errorf("after %d other choices: %s: %s", n, summary(s), s.Message)
		}
	})
}

func TestChosenPorts_OfTheLiveReleaseAreKnownAfterARestartWithFilesThatAreRefused(t *testing.T) {
	bubble(t, func(t *testing.T, w *stage) {
		p := w.start()
		p.deploy("c1", yamlOf("1", deploy.Blue, portlessRoute))
		p = w.start()
		w.change(func() { w.stacks[deploy.Blue].containers[0].State = "exited" })
		ups := w.count("stacks.up")
		p.is(t, p.deploy("c2", "colour: blue\n"), "Refused/Refused, live 1 in blue; history :Refused 1:Promoted")
		if w.count("stacks.up") == ups {
			t.Error("what is live was not mended")
		}
		p.honest()
	})
}
