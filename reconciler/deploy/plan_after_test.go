package deploy

import (
	"fmt"
	"strings"
)

// features are what the app of a story uses of that which comes after a flip.
type features struct {
	backups, singletons, migrations, windows bool
	newcomer                                 bool // no site passes requests to it at first
}

// ask is what git says with these features. With migrations each release but the
// first has an expand, and the second has a contract migration.
func (f features) ask(p pick, app App) App {
	app.Standby.Backup = BackupOff
	if f.backups {
		app.Standby.Backup = BackupIdempotent
	}
	if f.singletons {
		app.Singletons = []string{"scheduler"}
	}
	if f.migrations && p > 1 {
		app.Migrations.Expand = "expand"
	}
	if f.migrations && p == 2 {
		app.Migrations.Contract = "contract"
	}
	return app
}

// afterwards is the part of a miniature that only these features change.
type afterwards struct {
	features
	backupOn       bool // Nginx lets the standby answer
	closed         bool // no deploy window is open
	unused         bool // nothing was ever live, and no site passes requests to it
	promoted       [4]bool
	expanded       [4]bool
	contracted     [4]bool
	contractFailed pick
	barrier        pick
}

func (a afterwards) remember(m *Memory) {
	for p := pick(1); p <= 3; p++ {
		if a.promoted[p] {
			m.Promoted = append(m.Promoted, p.release())
		}
		if a.expanded[p] {
			m.Expanded = append(m.Expanded, p.release())
		}
		if a.contracted[p] {
			m.Contracted = append(m.Contracted, p.release())
		}
	}
	if a.contractFailed != 0 {
		m.ContractFailed = &Rejection{Release: a.contractFailed.release(), Generation: generation}
	}
	if a.barrier != 0 {
		m.Barrier = &Barrier{Release: a.barrier.release(), Below: []Release{pick(1).release()}}
	}
}

// verdict is what stands against a release; from below the barrier it is a rejection.
func (w miniature) verdict(p pick) verdict {
	if w.after.barrier != 0 && p == 1 {
		return rejected
	}
	return w.verdicts[p]
}

func (w miniature) backupState() BackupState {
	switch {
	case !w.after.backups:
		return NoBackup
	case w.after.backupOn:
		return BackupActive
	default:
		return BackupInactive
	}
}

func (w miniature) singletons(h hue) SingletonState {
	switch s := w.stacks[h]; {
	case !w.after.singletons || s.condition == uint8(Absent):
		return NoSingletons
	case s.singletonsRun:
		return SingletonsRunning
	default:
		return SingletonsStopped
	}
}

// kept tells whether nothing new may be deployed.
func (w miniature) kept() bool {
	d := w.desired
	return w.paused || w.frozen || w.after.closed && w.liveRelease.release != d && !w.after.promoted[d]
}

// contractDue tells whether nothing but the contract migration, and what is in its
// way, is left to do for the desired release.
func (w miniature) contractDue() bool {
	return w.after.migrations && w.desired == 2 && w.passed[2] && !w.after.contracted[2] && w.isLiveRelease(w.live, 2)
}

// executeAfter is execute for the steps of these features.
func (y story) executeAfter(w miniature, a Action, c hue, r pick) miniature {
	switch a {
	case DisableBackup:
		w.after.backupOn = false
	case EnableBackup:
		w.stacks[c].fitness = uint8(BackupUnhealthy)
		if w.runs(c, r) && y.passesGate(w, r) {
			w.stacks[c].fitness, w.after.backupOn = uint8(BackupProven), true
		}
	case Expand:
		if y.fate(r) == badExpand {
			return w.reject(r)
		}
		w.after.expanded[r] = true
	case HandOver:
		w.stacks[c.other()].singletonsRun, w.stacks[c].singletonsRun = false, true
	case Contract:
		w.after.barrier = r
		if y.fate(r) == badContract {
			w.after.contractFailed = r
		} else {
			w.after.contracted[r] = true
		}
	}
	return w
}

// halfDoneAfter is halfDone for them.
func (w miniature) halfDoneAfter(a Action, c hue, r pick) []miniature {
	switch a {
	case HandOver:
		w.stacks[c.other()].singletonsRun, w.stacks[c].singletonsRun = false, false
	case Contract:
		w.after.barrier = r
	default:
		return nil
	}
	return []miniature{w.killed()}
}

// eventsAfter is what happens to these features that no step did.
func (w miniature) eventsAfter(add func(string, miniature)) {
	if w.after.backups {
		add("backup flag changed by hand", w.with(func(n *miniature) { n.after.backupOn = !n.after.backupOn }))
		add("time for another proof", w.with(func(n *miniature) {
			for h := range n.stacks {
				if n.stacks[h].fitness == uint8(BackupUnhealthy) {
					n.stacks[h].fitness = 0
				}
			}
		}))
	}
	for h := blue; w.after.singletons && h <= green; h++ {
		if !w.lies(h) {
			add("singleton started or stopped by hand: "+string(h.color()), w.with(func(n *miniature) { n.stacks[h].singletonsRun = !n.stacks[h].singletonsRun }))
		}
	}
	if w.after.newcomer && w.liveRelease.release == 0 {
		add("the site is changed", w.with(func(n *miniature) { n.after.unused = !n.after.unused }))
	}
	if w.after.windows {
		add("window opens or closes", w.with(func(n *miniature) { n.after.closed = !n.after.closed }))
	}
}

// promisesAfterwards are what holds for every step where these features are used.
var promisesAfterwards = []promise{
	{"never anything confirmed, watched or parked while no request can come to it", func(w miniature, s Step, c hue, r pick) bool {
		return !w.after.unused || s.Action != Confirm && s.Action != Watch && s.Action != Park && s.Action != HandOver
	}},
	{"never the traffic moved, or the standby touched, while it is a backup", func(w miniature, s Step, c hue, r pick) bool {
		return !w.after.backupOn || s.Action != Flip && s.Action != Park && (c == w.live || s.Action != Up && s.Action != Drain && s.Action != Retire)
	}},
	{"never a backup beside a release that is on trial: it would answer for it", func(w miniature, s Step, c hue, r pick) bool {
		return !w.after.backupOn || s.Action != Watch
	}},
	{"never a backup that runs nothing, did not pass its watch, was rejected or lies below the barrier", func(w miniature, s Step, c hue, r pick) bool {
		return s.Action != EnableBackup || c != w.live && w.runs(c, r) && w.passed[r] && w.verdict(r) == untried && !w.expired
	}},
	{"never singletons started anywhere but in the live color, confirmed there", func(w miniature, s Step, c hue, r pick) bool {
		return s.Action != HandOver || c == w.live && w.isLiveRelease(c, r) && w.runs(c, r)
	}},
	{"never a watch while a singleton runs in the old color, or not in the new one", func(w miniature, s Step, c hue, r pick) bool {
		return s.Action != Watch || !w.after.singletons || !w.runs(c, r) || w.stacks[c].singletonsRun && !w.stacks[c.other()].singletonsRun
	}},
	{"never a release brought up before its expand migration ran", func(w miniature, s Step, c hue, r pick) bool {
		return s.Action != Up || !w.after.migrations || r < 2 || r != w.desired || w.after.expanded[r] || w.isLiveRelease(c, r) || w.stacks[blue].release == r || w.stacks[green].release == r
	}},
	{"never an expand migration twice", func(w miniature, s Step, c hue, r pick) bool {
		return s.Action != Expand || !w.after.expanded[r]
	}},
	{"never a contract migration before the watch has passed, twice, or after it failed", func(w miniature, s Step, c hue, r pick) bool {
		return s.Action != Contract || w.contractDue() && w.after.contractFailed != r && !w.kept()
	}},
	{"never a contract migration while something older runs", func(w miniature, s Step, c hue, r pick) bool {
		return s.Action != Contract || w.lies(c.other()) || w.stacks[c.other()].release == r
	}},
	{"never a release from below the barrier brought up, or given traffic", func(w miniature, s Step, c hue, r pick) bool {
		return w.after.barrier == 0 || r != 1 || s.Action != Up && s.Action != Flip && s.Action != Confirm
	}},
}

// faultUnused tells what an app lacks at rest that was never live and has no site.
func (w miniature) faultUnused(reason Reason) string {
	switch {
	case w.verdict(w.desired) == rejected && (w.runs(blue, w.desired) || w.runs(green, w.desired)):
		return "at rest, a first stack that was rejected is stopped"
	case w.verdict(w.desired) == rejected || w.kept():
		return ""
	case reason != NotIncluded:
		return "at rest, the reason is NotIncluded while no request can come: not " + string(reason)
	case !w.runs(w.live, w.desired) || !w.stacks[w.live].gated:
		return "at rest, the first stack has passed its gate where requests will come to"
	default:
		return ""
	}
}

// faultAfterwards tells what these features still lack where all is at rest and
// the desired release is live.
func (w miniature) faultAfterwards(reason Reason) string {
	live, other := w.stacks[w.live], w.stacks[w.live.other()]
	mayBeBackup := w.runs(w.live.other(), other.release) && w.passed[other.release] && w.verdict(other.release) == untried && !w.expired
	switch {
	case w.after.backupOn && !(mayBeBackup && other.fitness == uint8(BackupProven)):
		return "at rest, a backup is one that was proven"
	case w.after.backups && mayBeBackup && !w.after.backupOn && other.fitness != uint8(BackupUnhealthy):
		return "at rest, a standby that may be a backup is one"
	case w.after.singletons && (!live.singletonsRun || other.singletonsRun):
		return "at rest, singletons run in the live color, and only there"
	case w.contractDue() && (w.after.contractFailed != w.desired || reason != MigrationFailed):
		return "at rest, the contract migration ran, or MigrationFailed says why not"
	default:
		return ""
	}
}

func (a afterwards) String() string {
	var b strings.Builder
	for _, f := range []flag{{a.backupOn, "backup on"}, {a.closed, "closed"}, {a.unused, "unused"}} {
		b.WriteString(f.String())
	}
	for p := pick(1); p <= 3; p++ {
		for _, f := range []flag{{a.promoted[p], "promoted"}, {a.expanded[p], "expanded"}, {a.contracted[p], "contracted"}, {a.contractFailed == p, "contract failed"}, {a.barrier == p, "is the barrier"}} {
			if f.on {
				fmt.Fprintf(&b, ", %s %s", p.letter(), f.name)
			}
		}
	}
	return b.String()
}
