package deploy

import (
	"fmt"
	"slices"
	"strings"
)

// miniature is the whole world of one app, so small that every state of it can
// be probed: what Nginx and Docker have, what the process knows, what is
// remembered, and what git says. It is plain and comparable, so a map of it is
// the set of the states seen.
type miniature struct {
	live        hue
	stacks      [2]ministack
	liveRelease miniLiveRelease
	verdicts    [4]verdict // by pick
	passed      [4]bool    // by pick
	healing     bool
	paused      bool
	frozen      bool
	expired     bool // the standby was kept for long enough
	worn        bool // releases that wear out fail their gate from now on
	after       afterwards
	desired     pick
	choice      hue
}

// ministack is one color. gated, idle and backup health are known to the process only,
// and die with it.
type ministack struct {
	release       pick
	condition     smallCondition
	gated, idle   bool
	singletonsRun bool
	cut           bool // the start of its containers did not end well, whatever they look like
	fitness       uint8
}

type miniLiveRelease struct {
	color   hue
	release pick
}

// smallCondition is a Condition in one byte, so that a miniature stays small.
type smallCondition = uint8

// pick is one of the releases of a story; 0 is none, or containers that disagree.
type pick uint8

// hue is a color, or the choice of none.
type hue uint8

const (
	blue hue = iota
	green
	auto
)

func (h hue) color() Color { return [...]Color{Blue, Green, Auto}[h] }
func (h hue) other() hue   { return 1 - h }

func hueOf(c Color) hue {
	if c == Green {
		return green
	}
	return blue
}

func (p pick) release() Release {
	if p == 0 {
		return Release{}
	}
	return [...]Release{{"a", "aaaaaaaa"}, {"b", "bbbbbbbb"}, {"c", "cccccccc"}}[p-1]
}

func pickOf(r Release) pick {
	if r.IsZero() {
		return 0
	}
	return pick(r.Tag[0]-'a') + 1
}

type verdict uint8

const (
	untried  verdict = iota // or passed since
	rejected                // in this generation
	rejectedBefore
)

// fate is what becomes of a release that is tried.
type fate uint8

const (
	good fate = iota
	badAtGate
	badInWatch
	wearsOut // good, until the environment wears it out: then it fails its gate
	badExpand
	badContract
)

// story is the cast: the releases that git may ask for, and whether people and
// accidents may do all that they can do, or only the most important.
type story struct {
	name  string
	fates []fate // of release a, b, …
	quick bool
	lean  bool // git names no color
	features
}

func (y story) fate(p pick) fate {
	if p == 0 {
		return badAtGate
	}
	return y.fates[p-1]
}

// choices are the colors that git may ask for.
func (y story) choices() []hue {
	if y.lean {
		return []hue{auto}
	}
	return []hue{blue, green, auto}
}

func (y story) passesGate(w miniature, p pick) bool {
	f := y.fate(p)
	return f != badAtGate && (f != wearsOut || !w.worn)
}

// generation is the Memory.Generation that a miniature is translated to; an
// older verdict belongs to the one before.
const generation = 7

// app, observed and memory translate a miniature into what Plan is given.
func (w miniature) app() App {
	return w.after.features.ask(w.desired, App{
		Name: "shop", Tag: w.desired.release().Tag, Release: w.desired.release(), Color: w.choice.color(), FilesRefused: w.frozen,
	})
}

func (w miniature) observed() Observed {
	return Observed{Live: w.live.color(), Backup: w.backupState(), Closed: w.after.closed, Unused: w.after.unused, Blue: w.facts(blue), Green: w.facts(green)}
}

func (w miniature) facts(h hue) StackFacts {
	s := w.stacks[h]
	return StackFacts{
		Release: s.release.release(), Condition: Condition(s.condition), Started: !s.cut, Gated: s.gated, Idle: s.idle,
		Expired: w.expired && h != w.live, Singletons: w.singletons(h), BackupHealth: BackupHealth(s.fitness),
	}
}

func (w miniature) memory() Memory {
	m := Memory{Generation: generation, Healing: w.healing, Paused: w.paused, Live: w.rememberedLive()}
	for p := pick(1); p <= 3; p++ {
		if w.passed[p] {
			m.Passed = append(m.Passed, p.release())
		}
		switch w.verdicts[p] {
		case rejected:
			m.Rejected = append(m.Rejected, Rejection{Release: p.release(), Generation: generation})
		case rejectedBefore:
			m.Rejected = append(m.Rejected, Rejection{Release: p.release(), Generation: generation - 1})
		}
	}
	w.after.remember(&m)
	return m
}

func (w miniature) rememberedLive() LiveRelease {
	if w.liveRelease.release == 0 {
		return LiveRelease{}
	}
	return LiveRelease{Color: w.liveRelease.color.color(), Release: w.liveRelease.release.release()}
}

// judged puts the verdicts of m back into the miniature.
func (w miniature) judged(m Memory) miniature {
	m.Barrier = nil // it is no verdict on anything
	for p := pick(1); p <= 3; p++ {
		w.passed[p] = m.HasPassed(p.release())
		if w.after.windows {
			w.after.promoted[p] = m.WasPromoted(p.release())
		}
		_, blocked := m.Blocked(p.release())
		switch {
		case blocked:
			w.verdicts[p] = rejected
		case m.EverRejected(p.release()):
			w.verdicts[p] = rejectedBefore
		default:
			w.verdicts[p] = untried
		}
	}
	return w
}

func (w miniature) plan() ([]Step, Reason) { return Plan(w.app(), w.observed(), w.memory()) }

func (w miniature) reject(p pick) miniature {
	m := w.memory()
	m.Reject(p.release(), RejectError{})
	return w.judged(m)
}

func (w miniature) pass(p pick) miniature {
	m := w.memory()
	var keep []Release
	for _, s := range w.stacks {
		if s.condition != uint8(Absent) {
			keep = append(keep, s.release.release())
		}
	}
	m.Pass(p.release(), keep...)
	return w.judged(m)
}

func (w miniature) isLiveRelease(h hue, p pick) bool {
	return w.liveRelease == miniLiveRelease{h, p} && p != 0
}
func (w miniature) onTrial() bool {
	r := w.liveRelease.release
	return r != 0 && !w.passed[r] && w.verdicts[r] != rejected
}
func (w miniature) runs(h hue, p pick) bool {
	s := w.stacks[h]
	return s.release == p && s.condition == uint8(Running) && !s.cut
}

// execute is the executor: what a step does when nothing gets in its way.
func (y story) execute(w miniature, s Step) miniature {
	c, r := hueOf(s.Color), pickOf(s.Release)
	switch s.Action {
	case Park:
		w = w.turn(c)
	case Up:
		w = w.up(c, r, Running)
	case Gate:
		w = y.gate(w, c, r)
	case Flip:
		w = w.turn(c)
	case Confirm:
		if w.live == c {
			w.liveRelease, w.healing = miniLiveRelease{c, r}, false
		}
	case Watch:
		if y.fate(r) == badInWatch || !w.runs(c, r) {
			w = w.reject(r)
		} else {
			w = w.pass(r)
		}
	case Drain:
		w.stacks[c].idle = true
	case Retire:
		w = w.damaged(c, Stopped)
	default:
		w = y.executeAfter(w, s.Action, c, r)
	}
	return w.tidied()
}

// turn sends the traffic to h; what it leaves has to prove itself again.
func (w miniature) turn(h hue) miniature {
	if w.live != h {
		w.stacks[w.live].gated, w.stacks[w.live].idle = false, false
		w.expired = false
		w.stacks[blue].fitness, w.stacks[green].fitness = 0, 0
	}
	w.live = h
	w.stacks[h].idle = false
	return w
}

// up leaves the stack with the release in the condition that was reached.
func (w miniature) up(h hue, p pick, reached Condition) miniature {
	singletonsRun := w.stacks[h].singletonsRun && w.stacks[h].release == p // Up leaves singletons alone
	w.stacks[h] = ministack{release: p, condition: uint8(reached), singletonsRun: singletonsRun}
	if h == w.live {
		w.healing = true
	} else {
		w.expired = false
	}
	return w
}

func (y story) gate(w miniature, h hue, p pick) miniature {
	switch {
	case w.runs(h, p) && y.passesGate(w, p):
		w.stacks[h].gated = true
		if w.isLiveRelease(h, p) {
			w.healing = false
		}
		return w
	case Forgives(w.app(), w.observed(), w.memory(), Step{Gate, h.color(), p.release()}):
		return w
	default:
		return w.reject(p)
	}
}

// tidied forgets what means nothing, so that no state is probed twice.
func (w miniature) tidied() miniature {
	if standby := w.stacks[w.live.other()]; standby.condition == uint8(Absent) || standby.condition == uint8(Stopped) {
		w.expired = false
	}
	for h := range w.stacks {
		if w.stacks[h].condition == uint8(Absent) {
			w.stacks[h] = ministack{}
		}
	}
	w.after.unused = w.after.unused && w.liveRelease.release == 0
	return w
}

// mirrored is the same world with the names of the colors exchanged.
func (w miniature) mirrored() miniature {
	w.live = w.live.other()
	w.stacks[blue], w.stacks[green] = w.stacks[green], w.stacks[blue]
	if w.liveRelease.release != 0 {
		w.liveRelease.color = w.liveRelease.color.other()
	}
	if w.choice != auto {
		w.choice = w.choice.other()
	}
	return w
}

// upright is w or its mirror image: the one whose live color is blue.
func (w miniature) upright() miniature {
	if w.live == green {
		return w.mirrored()
	}
	return w
}

// killed is the process gone and started again: it forgets what only it knew.
func (w miniature) killed() miniature {
	for h := range w.stacks {
		w.stacks[h].gated, w.stacks[h].idle, w.stacks[h].fitness = false, false, 0
	}
	return w
}

// halfDone returns what a kill in the middle of the step can leave behind.
func (w miniature) halfDone(s Step) []miniature {
	c, r := hueOf(s.Color), pickOf(s.Release)
	if s.Action != Up {
		return w.halfDoneAfter(s.Action, c, r) // Flip without Confirm, and the like, are kills between steps
	}
	before := w.stacks[c]
	left := []miniature{w.up(c, r, Broken).cut(c).killed(), w.up(c, r, Running).cut(c).killed()}
	if before.condition != uint8(Absent) && before.release != r {
		// Containers of two releases.
		left = append(left, w.up(c, 0, Broken).cut(c).killed())
	}
	return left
}

func (w miniature) cut(h hue) miniature {
	w.stacks[h].cut = true
	return w
}

// event is something that happens and that no step did.
type event struct {
	name string
	to   miniature
}

// events appends everything that the environment can do to w.
func (y story) events(w miniature, to []event) []event {
	add := func(name string, next miniature) {
		if next = next.tidied(); next != w {
			to = append(to, event{name, next})
		}
	}
	add("killed", w.killed())
	for p := range y.fates {
		for _, h := range y.choices() {
			add(pushNames[p][h], w.pushed(pick(p+1), h))
		}
	}
	add("retry", w.decided())
	if w.paused || !w.frozen {
		// Paused and frozen at once is no more than one of them.
		add("pause or resume", w.with(func(n *miniature) { n.paused = !n.paused }))
	}
	add("memory lost", w.forgotten())
	if w.onTrial() {
		add("Docker was away in the watch", w.with(func(n *miniature) { n.healing = true }))
	}
	add("flag flipped by hand", w.turn(w.live.other()))
	add("standby expires", w.with(func(n *miniature) { n.expired = true }))
	for h := blue; h <= green; h++ {
		if w.stacks[h].condition == uint8(Absent) {
			continue
		}
		add("all stopped by hand: "+string(h.color()), w.damaged(h, Stopped))
		add("all removed by hand: "+string(h.color()), w.damaged(h, Absent))
		if w.stacks[h].condition == uint8(Running) {
			add("one stopped by hand: "+string(h.color()), w.damaged(h, Broken))
		} else if !y.quick {
			add("started by hand: "+string(h.color()), w.damaged(h, Running))
		}
	}
	if !y.quick && !w.paused {
		add("files refused", w.decided().with(func(n *miniature) { n.frozen = true }))
		add("files can be read again", w.decided().with(func(n *miniature) { n.frozen = false }))
	}
	if slices.Contains(y.fates, wearsOut) {
		add("wears out or recovers", w.with(func(n *miniature) { n.worn = !n.worn }))
	}
	w.eventsAfter(add)
	return to
}

var pushNames = [3][3]string{
	{"push a blue", "push a green", "push a auto"},
	{"push b blue", "push b green", "push b auto"},
	{"push c blue", "push c green", "push c auto"},
}

func (w miniature) with(change func(*miniature)) miniature {
	change(&w)
	return w
}

// decided is a new generation: verdicts no longer block.
func (w miniature) decided() miniature {
	for p, v := range w.verdicts {
		if v == rejected {
			w.verdicts[p] = rejectedBefore
		}
	}
	w.after.contractFailed = 0
	return w
}

func (w miniature) pushed(p pick, h hue) miniature {
	w = w.decided()
	w.desired, w.choice, w.frozen = p, h, false
	return w
}

func (w miniature) forgotten() miniature {
	w = w.killed()
	// What has the traffic is believed to have been started to the end.
	w.stacks[w.live].cut, w.stacks[w.live.other()].cut = false, true
	w.liveRelease, w.passed, w.verdicts, w.healing, w.paused = miniLiveRelease{}, [4]bool{}, [4]verdict{}, false, false
	w.after = afterwards{features: w.after.features, closed: w.after.closed, backupOn: w.after.backupOn, unused: w.after.unused}
	return w
}

func (w miniature) damaged(h hue, c Condition) miniature {
	w.stacks[h].condition, w.stacks[h].gated, w.stacks[h].fitness = uint8(c), false, 0
	if c == Stopped || c == Absent {
		w.stacks[h].singletonsRun = false
	}
	return w
}

// String prints a miniature so that a person can follow a story of them.
func (w miniature) String() string {
	var b strings.Builder
	for h := blue; h <= green; h++ {
		s := w.stacks[h]
		fmt.Fprintf(&b, "%s{%s", h.color(), Condition(s.condition))
		for _, f := range []flag{{h == w.live, "live"}, {s.gated, "gated"}, {s.idle, "idle"}, {s.singletonsRun, "singletons run"}, {s.cut, "cut"},
			{s.fitness == uint8(BackupProven), "proven"}, {s.fitness == uint8(BackupUnhealthy), "unhealthy"}} {
			b.WriteString(f.String())
		}
		if s.condition != uint8(Absent) {
			fmt.Fprintf(&b, " %s", s.release.letter())
		}
		b.WriteString("} ")
	}
	fmt.Fprintf(&b, "wants %s %s", w.desired.letter(), w.choice.color())
	if w.liveRelease.release != 0 {
		fmt.Fprintf(&b, ", live release %s %s", w.liveRelease.color.color(), w.liveRelease.release.letter())
	}
	for p := pick(1); p <= 3; p++ {
		for _, f := range []flag{{w.passed[p], "passed"}, {w.verdicts[p] == rejected, "rejected"}, {w.verdicts[p] == rejectedBefore, "rejected before"}} {
			if f.on {
				fmt.Fprintf(&b, ", %s %s", p.letter(), f.name)
			}
		}
	}
	for _, f := range []flag{{w.healing, "healing"}, {w.paused, "paused"}, {w.frozen, "frozen"}, {w.expired, "expired"}, {w.worn, "worn"}} {
		b.WriteString(f.String())
	}
	return b.String() + w.after.String()
}

func (p pick) letter() string { return [...]string{"?", "a", "b", "c"}[p] }

type flag struct {
	on   bool
	name string
}

func (f flag) String() string {
	if f.on {
		return " " + f.name
	}
	return ""
}
