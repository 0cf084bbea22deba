package appfile

import (
	"time"

	"tandem/internal/lib/strictyaml"
	"tandem/reconciler/deploy"
)

// day is the longest that a step of a deploy may be told to take.
const day = 24 * time.Hour

func (p appParser) gate() {
	g := &p.app.Gate
	*g = deploy.GatePolicy{Timeout: time.Minute, Successes: 3, ImageTimeout: 5 * time.Minute}
	n := p.root.Get("gate")
	if n.Mapping("timeout", "successes", "image_timeout") {
		n.Get("timeout").Duration(&g.Timeout, time.Second, time.Hour)
		n.Get("successes").Int(&g.Successes, 1, 1000)
		n.Get("image_timeout").Duration(&g.ImageTimeout, 0, day)
	}
}

// watch reads the whole policy; the limits on errors and latency and what to do
// without a verdict are kept for Judge.
func (p appParser) watch() {
	w := &p.app.Watch
	*w = deploy.WatchPolicy{
		For: time.Minute, MaxErrorRate: 0.01, MinRequests: 20, MaxP95: 500 * time.Millisecond,
		Compare: deploy.CompareBoth, Inconclusive: deploy.InconclusivePromote,
	}
	n := p.root.Get("watch")
	if n.Mapping("for", "max", "max_error_rate", "min_requests", "max_p95", "max_restarts", "max_memory", "max_cpu", "compare", "inconclusive") {
		n.Get("for").Duration(&w.For, time.Second, day)
		n.Get("max").Duration(&w.Max, w.For, day)
		w.OwnErrorRate = n.Get("max_error_rate").Share(&w.MaxErrorRate)
		n.Get("min_requests").Int(&w.MinRequests, 1, 1_000_000)
		w.OwnP95 = n.Get("max_p95").Duration(&w.MaxP95, time.Millisecond, time.Minute)
		n.Get("max_restarts").Int(&w.MaxRestarts, 0, 1000)
		n.Get("max_memory").Size(&w.MaxMemory, 1<<20, 1<<50)
		n.Get("max_cpu").Number(&w.MaxCPU, 0.01, 10_000)
		strictyaml.OneOf(n.Get("compare"), &w.Compare, deploy.CompareBoth, deploy.CompareLimits, deploy.CompareOld)
		strictyaml.OneOf(n.Get("inconclusive"), &w.Inconclusive, deploy.InconclusivePromote, deploy.InconclusiveHold, deploy.InconclusiveRevert)
	}
	if w.Max == 0 {
		w.Max = min(2*w.For, day)
	}
}

func (p appParser) drain() {
	d := &p.app.Drain
	*d = deploy.DrainPolicy{Timeout: 30 * time.Second}
	n := p.root.Get("drain")
	if n.Mapping("timeout", "websockets") {
		n.Get("timeout").Duration(&d.Timeout, time.Second, day)
		n.Get("websockets").Duration(&d.WebSockets, d.Timeout, day)
	}
	if d.WebSockets == 0 {
		d.WebSockets = max(2*time.Minute, d.Timeout)
	}
}

func (p appParser) standby() {
	s := &p.app.Standby
	*s = deploy.StandbyPolicy{Keep: deploy.StandbyWarm, For: day, Backup: deploy.BackupIdempotent}
	n := p.root.Get("standby")
	if n.Mapping("keep", "for", "backup") {
		strictyaml.OneOf(n.Get("keep"), &s.Keep, deploy.StandbyWarm, deploy.StandbyStopped)
		n.Get("for").Duration(&s.For, time.Second, 365*day)
		strictyaml.OneOf(n.Get("backup"), &s.Backup, deploy.BackupOff, deploy.BackupIdempotent, deploy.BackupAll)
	}
}

func (p appParser) services() {
	p.serviceList(p.root.Get("singletons"), &p.app.Singletons)
	m := p.root.Get("migrations")
	if m.Mapping("expand", "contract") {
		p.service(m.Get("expand"), &p.app.Migrations.Expand)
		p.service(m.Get("contract"), &p.app.Migrations.Contract)
	}
}

func (p appParser) onFailure() {
	p.app.OnFailure = deploy.OnFailureHold
	strictyaml.OneOf(p.root.Get("on_failure"), &p.app.OnFailure, deploy.OnFailureHold, deploy.OnFailureRevert)
}
