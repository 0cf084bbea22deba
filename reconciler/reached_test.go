package reconciler

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"tandem/reconciler/deploy"
)

var (
	notRead = &deploy.RouterError{Reason: deploy.NotIncluded, Detail: "write the include lines"}
	notUsed = &deploy.RouterError{Reason: deploy.NotIncluded, Detail: "write proxy_pass"}
)

// lacking makes the site lack something, or nothing any more.
func (w *stage) lacking(files, site error) {
	w.change(func() { w.unread, w.site = files, site })
}

// The first stack proves itself beside what people are served by, and goes live when
// requests come to it.
func TestReached_TheFirstStackIsGatedFirstAndLiveOnlyWhenRequestsCanCome(t *testing.T) {
	for name, lacks := range map[string]struct{ files, site error }{"include lines": {notRead, notUsed}, "proxy_pass": {nil, notUsed}} {
		for _, color := range []deploy.Color{deploy.Blue, deploy.Green} {
			bubble(t, func(t *testing.T, w *stage) {
				w.lacking(lacks.files, lacks.site)
				p := w.start()
				text := yamlOf("1", color, "singletons: [scheduler]")
				s := p.deploy("c1", text)
				p.is(t, s, "Degraded/NotIncluded")
				says(t, s, "write ", name)
				c := string(color)
				flip := map[deploy.Color]string{deploy.Green: "; flip green 1"}[color] // blue is what Nginx's files say without a flag
				w.wantDid(t, "FirstDeploy: up "+c+" 1; gate "+c+" 1"+flip)
				for range 2 { // what passed is not asked again
					p.is(t, p.Once(p.ctx), "Degraded/NotIncluded")
					w.wantDid(t, ": ")
				}
				if w.saved.Live != (deploy.LiveRelease{}) || w.count("singletons.start") > 0 || w.count("proxyprober.probe") > 0 {
					t.Errorf("%s, %s: it was taken to be live: %s", name, color, w.log())
				}
				w.lacking(nil, notUsed)
				p.is(t, p.Once(p.ctx), "Degraded/NotIncluded")
				w.lacking(nil, nil)
				p.is(t, p.Once(p.ctx), "Live/UpToDate, live 1 in "+c+"; history 1:Promoted")
				w.wantDid(t, "FirstDeploy+Watching: confirm "+c+" 1; handover "+c+" 1; watch "+c+" 1")
				w.lacking(nil, notUsed) // once it was live, that is a person's decision
				p.is(t, p.Once(p.ctx), "Live/UpToDate, live 1 in "+c+"; history 1:Promoted")
			})
		}
	}
}

func TestReached_TheLinesAreAskedForBeforeTheFirstStackIsUp(t *testing.T) {
	bubble(t, func(t *testing.T, w *stage) {
		w.lacking(notRead, notUsed)
		asked := ""
		p := w.start()
		w.onCall = func(name string) {
			if name == "stacks.up" { // not in the middle of a save, which has the status locked
				asked = summary(p.Status()) + ": " + p.Status().Message
			}
		}
		p.deploy("c1", yamlOf("1", deploy.Blue))
		if want := "Degraded/NotIncluded: NotIncluded: write the include lines"; asked != want {
			t.Errorf("while the stack was brought up the status was %q, want %q", asked, want)
		}
	})
}

func TestReached_TheSiteIsLookedAtAgainWithoutAnEvent(t *testing.T) {
	bubble(t, func(t *testing.T, w *stage) {
		w.lacking(notRead, notUsed)
		p := w.start()
		p.Offer(p.push("c1", yamlOf("1", deploy.Auto)))
		p.run()
		elapse(t, lookAgain*10)
		p.is(t, p.Status(), "Degraded/NotIncluded")
		w.lacking(nil, nil)
		elapse(t, time.Minute)
		p.is(t, p.Status(), "Live/UpToDate, live 1 in green; history 1:Promoted")
		p.kill()
		synctest.Wait()
	})
}

// Nothing has any traffic meanwhile, so nothing is in the way of a mend or a newer release,
// whatever holds the ports of the other color.
func TestReached_WhatWaitsIsMendedAndReplacedWhereItIs(t *testing.T) {
	for name, lacks := range map[string]error{"include lines": notRead, "proxy_pass": nil} {
		bubble(t, func(t *testing.T, w *stage) {
			w.strangers[3002] = neighbor
			w.lacking(lacks, notUsed)
			p := w.start()
			s := p.deploy("c1", yamlOf("1", deploy.Auto))
			p.is(t, s, "Degraded/NotIncluded")
			if strings.Contains(s.Message, "elsewhere") {
				t.Errorf("%s: what people are served by is to go: %s", name, s.Message)
			}
			w.change(func() { w.lie(deploy.Blue, "exited") })
			p.is(t, p.Once(p.ctx), "Degraded/NotIncluded")
			p.is(t, p.deploy("c2", yamlOf("2", deploy.Auto)), "Degraded/NotIncluded; history 1:Superseded")
			w.fates["3"] = bearing{sick: true}
			p.deploy("c3", yamlOf("3", deploy.Auto))
			p.honest()
			if s := w.stackOf(deploy.Blue); s.Condition != deploy.Stopped {
				t.Errorf("%s: what was rejected is %s", name, s.Condition)
			}
			p.is(t, p.deploy("c4", yamlOf("4", deploy.Auto)), "Degraded/NotIncluded; history 3:Rejected 2:Superseded 1:Superseded")
			w.lacking(nil, nil)
			s = p.Once(p.ctx)
			p.is(t, s, "Degraded/PortTaken, live 4 in blue; history 4:Promoted 3:Rejected 2:Superseded 1:Superseded")
			says(t, s, "port 3002 of route api in green", "go elsewhere")
			w.change(func() { delete(w.strangers, 3002) })
			p.is(t, p.Once(p.ctx), "Live/UpToDate, live 4 in blue; history 4:Promoted 3:Rejected 2:Superseded 1:Superseded")
		})
	}
}

func TestReached_APortOfTheColorThatIsAskedForIsToldWithWhatToWrite(t *testing.T) {
	bubble(t, func(t *testing.T, w *stage) {
		w.strangers[3002] = neighbor
		p := w.start()
		s := p.deploy("c1", yamlOf("1", deploy.Green))
		p.is(t, s, "Degraded/PortTaken")
		says(t, s, "port 3002 of route api in green is held by "+neighbor.Words, "routes.api.ports.green", "let that one run", `"color: blue"`)
		p.is(t, p.deploy("c2", yamlOf("1", deploy.Blue)), "Degraded/PortTaken, live 1 in blue; history 1:Promoted")
		for _, e := range w.told(deploy.StatusChanged) { // while it is watched, the way back is what holds the port
			if e.Status.Phase == deploy.PhaseDeploying && strings.Contains(e.Message, "elsewhere") {
				t.Errorf("in the middle of the first deploy the status said %q", e.Message)
			}
		}
	})
}

// A script's projects may have the names of tandem's.
func TestReached_AStackOfSomebodyElseIsNotReplacedBeforeTheAppWasLive(t *testing.T) {
	bubble(t, func(t *testing.T, w *stage) {
		w.stacks[deploy.Green] = &actor{foreign: true, containers: []deploy.Container{{ID: "script", Name: "shop-green-api-1", Service: "api", State: "running"}}}
		w.lacking(nil, notUsed)
		p := w.start()
		s := p.deploy("c1", yamlOf("1", deploy.Green))
		p.is(t, s, "Degraded/PortTaken")
		says(t, s, "the Compose project shop-green runs", "let it run as long as people are served by it", `"color: blue"`)
		p.deploy("c2", yamlOf("2", deploy.Auto))
		w.lacking(nil, nil)
		if p.Once(p.ctx); w.count("stacks.stop") > 0 || w.stackOf(deploy.Green).Containers[0].ID != "script" {
			t.Errorf("it was touched: %s", w.log())
		}
		if s := p.Status(); s.Phase != deploy.PhaseLive || s.Live.Color != deploy.Blue {
			t.Errorf("got %s: %s", summary(s), s.Message)
		}
		p.is(t, p.deploy("c3", yamlOf("3", deploy.Auto)), "Live/UpToDate, live 3 in green, standby 2 warm; history 3:Promoted 2:Promoted")
	})
}

// Nginx may not take the files beside what the site has of its own: then they are taken
// back, each time. The first stack proves itself all the same, nobody tries without end, and
// it goes live once a person has done what the status says.
func TestReached_FilesThatAreTakenBackAreTriedOnceAStepAndBarNoStack(t *testing.T) {
	bubble(t, func(t *testing.T, w *stage) {
		w.change(func() { w.rival, w.unread = notRead, notRead })
		p := w.start()
		p.is(t, p.deploy("c1", yamlOf("1", deploy.Green)), "Degraded/NotIncluded")
		says(t, p.Status(), "write the include lines")
		w.wantDid(t, "FirstDeploy: up green 1; gate green 1; flip green 1")
		tried := w.count("router.prepare")
		p.is(t, p.Once(p.ctx), "Degraded/NotIncluded")
		if again := w.count("router.prepare") - tried; again != 1 {
			t.Errorf("tried %d times in a pass that has nothing to do, want once", again)
		}
		if e := w.told(deploy.StepFailed); len(e) > 0 {
			t.Errorf("what waits for a person was told as a failure: %v", e)
		}
		w.change(func() { w.rival, w.unread = nil, nil })
		p.is(t, p.Once(p.ctx), "Live/UpToDate, live 1 in green; history 1:Promoted")
	})
}
