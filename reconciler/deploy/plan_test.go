package deploy

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// enough is the number of steps within which everything has come to rest.
const enough = 25

// TestPlan_EveryReachableStateIsSafeAndConverges probes every state that people,
// accidents, kills and the plan itself can bring about from an empty machine.
// Blue and green are alike, which is checked in every state, so only one of two
// states that mirror each other is probed.
//
// Because a kill is one of the things that can happen in every state, coming to
// rest from every state is also coming to rest with a kill at every boundary.
func TestPlan_EveryReachableStateIsSafeAndConverges(t *testing.T) {
	stories := []story{
		{name: "two good releases", fates: []fate{good, good}},
		{name: "the second release is bad at its gate", fates: []fate{good, badAtGate}},
		{name: "the second release is bad in its watch", fates: []fate{good, badInWatch}},
		{name: "the first release wears out, the second is bad in its watch", fates: []fate{wearsOut, badInWatch}, quick: true},
		{name: "a standby that is a backup", fates: []fate{wearsOut, badInWatch}, quick: true, lean: true, features: features{backups: true}},
		{name: "singletons", fates: []fate{good, badInWatch}, quick: true, lean: true, features: features{singletons: true}},
		{name: "migrations", fates: []fate{good, good}, quick: true, lean: true, features: features{migrations: true}},
		{name: "an expand migration that fails", fates: []fate{good, badExpand}, quick: true, lean: true, features: features{migrations: true}},
		{name: "a contract migration that fails", fates: []fate{good, badContract}, quick: true, lean: true, features: features{migrations: true}},
		{name: "deploy windows", fates: []fate{good, badInWatch}, quick: true, lean: true, features: features{windows: true}},
		{name: "an app that has no site at first", fates: []fate{good, badAtGate}, quick: true, features: features{newcomer: true}},
	}
	for _, y := range stories {
		if testing.Short() { // git names the colors in the last story, which has the second one in it, and in random ones
			y.quick, y.lean = true, y.lean || !y.newcomer
		}
		t.Run(y.name, func(t *testing.T) {
			t.Parallel()
			newAtlas(y).explore(t)
		})
	}
}

// TestPlan_RandomStoriesAreSafeAndConverge wanders where there are too many
// states to probe them all: three releases, one of each kind.
func TestPlan_RandomStoriesAreSafeAndConverge(t *testing.T) {
	t.Parallel()
	walks, length := 200, 250
	if testing.Short() {
		walks = 50
	}
	steps := 0
	for seed := range uint64(walks) {
		y := story{fates: []fate{good, badAtGate, badInWatch}}
		if seed%2 == 1 {
			y = story{fates: []fate{good, good, badInWatch}, features: features{backups: true, singletons: true, migrations: true, windows: true}}
		}
		steps += y.wander(t, rand.New(rand.NewPCG(seed, 1)), length)
	}
	t.Logf("%d walks of %d events, %d steps executed", walks, length, steps)
}

// wander lets length things happen, and after each sees that all comes to rest.
func (y story) wander(t *testing.T, dice *rand.Rand, length int) int {
	t.Helper()
	w := miniature{desired: pick(1 + dice.IntN(len(y.fates))), choice: hue(dice.IntN(3)), after: afterwards{features: y.features}}
	var tale []string
	steps := 0
	for range length {
		tale = append(tale[max(0, len(tale)-15):], w.String())
		n, fault := y.rest(w)
		if steps += n; fault != "" {
			t.Fatalf("%s\n\n%s", fault, strings.Join(tale, "\n"))
		}
		plan, _ := w.plan()
		switch events := y.events(w, nil); {
		case len(plan) > 0 && dice.IntN(10) < 7:
			tale = append(tale, "    "+plan[0].String())
			half := w.halfDone(plan[0])
			if w = y.execute(w, plan[0]); len(half) > 0 && dice.IntN(4) == 0 {
				tale = append(tale, "    killed in the middle of it")
				w = half[dice.IntN(len(half))].tidied()
			}
		default:
			e := events[dice.IntN(len(events))]
			tale = append(tale, "    "+e.name)
			w = e.to
		}
	}
	return steps
}

// rest lets nothing but the plan happen. It returns how many steps that took,
// and what was wrong on the way or in the end.
func (y story) rest(start miniature) (int, string) {
	w := start
	shown, _ := start.plan()
	if t := start.liveRelease; !start.isLiveRelease(start.live, t.release) || !start.runs(t.color, t.release) {
		shown = nil // what was done by hand has to be undone first
	}
	for n := range enough + 1 {
		plan, reason, fault := planTwice(w)
		if fault != "" {
			return n, fault
		}
		if n < len(shown) && w.verdicts == start.verdicts && (len(plan) == 0 || plan[0] != shown[n]) {
			return n, fmt.Sprintf("what a plan shows is what is done: %s\nbut then %s\n%s", shown, plan, w)
		}
		if len(plan) == 0 {
			if fault = y.faultAtRest(w, reason); fault == "" {
				fault = y.faultOfChange(start, w)
			}
			return n, fault
		}
		if fault = faultOfStep(w, plan[0]); fault != "" {
			return n, fmt.Sprintf("%s\n%s\n%s", fault, w, plan)
		}
		w = y.execute(w, plan[0])
	}
	return enough, fmt.Sprintf("always a fixpoint: not within %d steps, now at\n%s", enough, w)
}

// atlas is the set of the states that were reached, and how.
type atlas struct {
	story   story
	index   map[miniature]int32
	states  []miniature
	parent  []int32 // the state from which it was reached first
	next    []int32 // the state after the first step of the plan; itself where there is none
	resting []int32 // the state in which it all ends
	events  []event // reused

	transitions, kills, longest int
}

func newAtlas(y story) *atlas { return &atlas{story: y, index: map[miniature]int32{}} }

func (a *atlas) explore(t *testing.T) {
	t.Helper()
	for p := range a.story.fates {
		for _, h := range a.story.choices() {
			a.reach(miniature{desired: pick(p + 1), choice: h, after: afterwards{features: a.story.features, unused: a.story.newcomer}}, -1)
		}
	}
	for i := int32(0); int(i) < len(a.states); i++ {
		if fault := a.probe(i); fault != "" {
			t.Fatalf("%s\n\n%s", fault, a.tale(i))
		}
	}
	a.resting = make([]int32, len(a.states))
	for i := range a.states {
		if fault := a.settle(int32(i)); fault != "" {
			t.Fatalf("%s\n\n%s\n\n%s", fault, a.tale(int32(i)), a.aftermath(int32(i)))
		}
	}
	t.Logf("%d states, %d transitions, %d kills, at rest after at most %d steps", len(a.states), a.transitions, a.kills, a.longest)
}

// reach notes a state, and that it was reached from another one.
func (a *atlas) reach(w miniature, from int32) int32 {
	w = w.upright()
	i, seen := a.index[w]
	if !seen {
		i = int32(len(a.states))
		a.index[w] = i
		a.states = append(a.states, w)
		a.parent = append(a.parent, from)
		a.next = append(a.next, i)
	}
	a.transitions++
	return i
}

// probe takes every way out of one state.
func (a *atlas) probe(i int32) (fault string) {
	w := a.states[i]
	plan, reason, fault := planTwice(w)
	if fault != "" {
		return fault
	}
	if len(plan) == 0 {
		fault = a.story.faultAtRest(w, reason)
	} else {
		fault = faultOfStep(w, plan[0])
		a.next[i] = a.reach(a.story.execute(w, plan[0]), i)
		if a.next[i] == i && fault == "" {
			fault = a.story.faultWhenStuck(w, plan[0])
		}
		for _, half := range w.halfDone(plan[0]) {
			a.reach(half.tidied(), i)
			a.kills++
		}
	}
	if fault == "" {
		fault = w.faultUnasked()
	}
	if fault != "" {
		return fmt.Sprintf("%s\nplan: %s %s", fault, reason, plan)
	}
	a.kills++
	a.events = a.story.events(w, a.events[:0])
	for _, e := range a.events {
		a.reach(e.to, i)
	}
	return ""
}

// settle follows the plan from one state until nothing is left to do.
func (a *atlas) settle(i int32) (fault string) {
	steps, at := 0, i
	for a.next[at] != at {
		at = a.next[at]
		if steps++; steps > enough {
			return fmt.Sprintf("always a fixpoint: not within %d steps", enough)
		}
	}
	a.longest = max(a.longest, steps)
	return a.story.faultOfChange(a.states[i], a.states[at])
}

// tale tells how a state was reached, from the empty machine on. The colors are
// those of the atlas, where the live one is always blue.
func (a *atlas) tale(i int32) string {
	var lines []string
	for ; i >= 0; i = a.parent[i] {
		lines = append(lines, a.states[i].String())
		if a.parent[i] >= 0 {
			lines = append(lines, "    "+a.how(a.states[a.parent[i]], a.states[i]))
		}
	}
	slices.Reverse(lines)
	return strings.Join(lines, "\n")
}

// how names what leads from one state to another.
func (a *atlas) how(from, to miniature) string {
	for _, e := range a.story.events(from, nil) {
		if e.to.upright() == to {
			return e.name
		}
	}
	plan, _ := from.plan()
	if a.story.execute(from, plan[0]).upright() == to {
		return "step: " + plan[0].String()
	}
	return "killed in the middle of: " + plan[0].String()
}

// aftermath tells what the plan makes of a state.
func (a *atlas) aftermath(i int32) string {
	var lines []string
	for range 8 {
		plan, reason := a.states[i].plan()
		lines = append(lines, fmt.Sprintf("%s\n    plan: %s %s", a.states[i], reason, plan))
		if a.next[i] == i {
			break
		}
		i = a.next[i]
	}
	return strings.Join(lines, "\n")
}

// planTwice plans, and sees that planning is a function: the same answer again,
// nothing of the question changed, and no color better than the other.
func planTwice(w miniature) (plan []Step, reason Reason, fault string) {
	app, observed, memory := w.app(), w.observed(), w.memory()
	var passed [4]Release
	var rejections [4]Rejection
	copy(passed[:], memory.Passed)
	copy(rejections[:], memory.Rejected)
	plan, reason = Plan(app, observed, memory)
	if !slices.Equal(memory.Passed, passed[:len(memory.Passed)]) || !slices.Equal(memory.Rejected, rejections[:len(memory.Rejected)]) {
		return nil, "", fmt.Sprintf("planning changes nothing: %v became %v", w.memory(), memory)
	}
	again, reasonAgain := Plan(app, observed, memory)
	if reason != reasonAgain || !slices.Equal(plan, again) {
		return nil, "", fmt.Sprintf("the same input gives the same plan: %s %s, then %s %s", reason, plan, reasonAgain, again)
	}
	mirror := w.mirrored()
	memory.Live = mirror.rememberedLive() // of all that is remembered, this alone has a color
	mirrored, reasonMirrored := Plan(mirror.app(), mirror.observed(), memory)
	for i := range mirrored {
		mirrored[i].Color = mirrored[i].Color.Other()
	}
	if reason != reasonMirrored || !slices.Equal(plan, mirrored) {
		return nil, "", fmt.Sprintf("blue and green are alike to the plan: %s %s, mirrored %s %s", reason, plan, reasonMirrored, mirrored)
	}
	return plan, reason, ""
}

// faultOfStep tells which promise is broken by executing s in w; empty for none.
func faultOfStep(w miniature, s Step) string {
	for _, all := range [][]promise{promises, promisesAfterwards} {
		for _, p := range all {
			if !p.keeps(w, s, hueOf(s.Color), pickOf(s.Release)) {
				return "broken by " + s.String() + ": " + p.name
			}
		}
	}
	return ""
}

// promise is something that holds for a step s, of color c and release r, in w.
type promise struct {
	name  string
	keeps func(w miniature, s Step, c hue, r pick) bool
}

// promises are what holds for every step that is ever executed.
var promises = []promise{
	{"every step names a release, except the one that leaves an empty color", func(w miniature, s Step, c hue, r pick) bool {
		return r != 0 || s.Action == Park || s.Action == DisableBackup || s.Action == Drain || s.Action == Retire
	}},
	{"never traffic to a stack that has not passed the gate with the release it runs now", func(w miniature, s Step, c hue, r pick) bool {
		return s.Action != Flip && s.Action != Confirm || w.runs(c, r) && w.stacks[c].gated
	}},
	{"never traffic to an empty color, except where nothing runs anywhere", func(w miniature, s Step, c hue, r pick) bool {
		return s.Action != Park || c == w.live.other() && w.lies(blue) && w.lies(green)
	}},
	{"never a live stack brought up, except to mend the release that was confirmed there", func(w miniature, s Step, c hue, r pick) bool {
		gone := w.stacks[c].condition == uint8(Absent)
		return s.Action != Up || c != w.live || w.after.unused || w.isLiveRelease(c, r) && (w.stacks[c].release == r || gone)
	}},
	{"never the only healthy stack stopped or replaced", func(w miniature, s Step, c hue, r pick) bool {
		return !w.touches(s, c, r) || !w.healthy(c) || w.healthy(c.other())
	}},
	{"never the backup ended while the live stack is not healthy, unless nothing is to answer but the standby", func(w miniature, s Step, c hue, r pick) bool {
		return s.Action != DisableBackup || !w.backup() || w.healthy(w.live) || w.flipsTo(c)
	}},
	{"never a live container touched while it runs", func(w miniature, s Step, c hue, r pick) bool {
		return c != w.live || w.after.unused || s.Action != Drain && s.Action != Retire && (s.Action != Up || !w.runs(c, w.stacks[c].release))
	}},
	{"never a rejected release promoted again", func(w miniature, s Step, c hue, r pick) bool {
		return s.Action != Flip && s.Action != Confirm && s.Action != Watch || w.verdict(r) != rejected
	}},
	{"never a rejected release brought up again, except to keep alive what is live", func(w miniature, s Step, c hue, r pick) bool {
		return s.Action != Up || w.verdict(r) != rejected || c == w.live
	}},
	{"never back to a release that was ever rejected", func(w miniature, s Step, c hue, r pick) bool {
		return s.Action != Flip && s.Action != Confirm || r == w.desired || w.verdict(r) == untried || r == w.liveRelease.release
	}},
	{"never the way back replaced, drained or retired before the live release passed its watch", func(w miniature, s Step, c hue, r pick) bool {
		return c == w.live || !w.touches(s, c, r) || !w.isWayBack(c)
	}},
	{"never a stack stopped or replaced that has connections", func(w miniature, s Step, c hue, r pick) bool {
		return w.lies(c) || w.stacks[c].idle || w.after.unused || s.Action != Retire && (s.Action != Up || w.stacks[c].release == r)
	}},
	{"nothing new while paused, frozen or outside a deploy window", func(w miniature, s Step, c hue, r pick) bool {
		return !w.kept() || s.Action != Up && s.Action != Flip && s.Action != Confirm || r == w.liveRelease.release || w.isReturn(r) ||
			s.Action == Confirm && w.liveRelease.release == 0 || s.Action != Up && w.passed[r] && !w.healthy(w.live) || s.Action == Confirm && w.passed[r]
	}},
	{"never a gate, a proof or traffic for a stack whose start did not end well", func(w miniature, s Step, c hue, r pick) bool {
		return !w.stacks[c].cut || s.Action != Gate && s.Action != Flip && s.Action != Confirm && s.Action != EnableBackup && s.Action != Watch || s.Action == Watch && !w.runs(c, r)
	}},
	{"never a gate for a stack that does not run the release", func(w miniature, s Step, c hue, r pick) bool {
		return s.Action != Gate || w.runs(c, r)
	}},
	{"never a flip without a change", func(w miniature, s Step, c hue, r pick) bool {
		return s.Action != Flip || c != w.live
	}},
	{"never a watch of anything but the confirmed live release, and never twice", func(w miniature, s Step, c hue, r pick) bool {
		return s.Action != Watch || c == w.live && w.isLiveRelease(c, r) && !w.passed[r]
	}},
	{"never a watch of what has to pass its gate again, unless nothing of it is left", func(w miniature, s Step, c hue, r pick) bool {
		return s.Action != Watch || !w.healing || w.stacks[c].release != r
	}},
	{"never a standby retired before its time is over, unless it was rejected or a contract migration is due", func(w miniature, s Step, c hue, r pick) bool {
		return s.Action != Retire || w.expired || w.verdict(r) == rejected || w.contractDue()
	}},
	{"never a standby retired while what is live is dead or was rejected, unless it was rejected itself", func(w miniature, s Step, c hue, r pick) bool {
		live := w.stacks[w.live].release
		return s.Action != Retire || w.verdict(r) == rejected || w.runs(w.live, live) && w.verdict(live) != rejected
	}},
	{"never a drain or a stop in vain", func(w miniature, s Step, c hue, r pick) bool {
		return s.Action != Drain && s.Action != Retire || !w.lies(c) && (s.Action != Drain || !w.stacks[c].idle)
	}},
}

// lies tells whether nothing runs in a color.
func (w miniature) lies(h hue) bool {
	c := w.stacks[h].condition
	return c == uint8(Absent) || c == uint8(Stopped)
}

// healthy tells whether a stack answers, as far as anybody knows. One without traffic that
// never passed its watch may be in the middle of its first start.
func (w miniature) healthy(h hue) bool {
	s := w.stacks[h]
	mended := w.healing && w.isLiveRelease(h, s.release)
	switch {
	case s.release == 0 || !w.runs(h, s.release):
		return false
	case h == w.live:
		return !mended && w.verdict(s.release) != rejected
	default:
		return w.verdict(s.release) == untried && (w.passed[s.release] || w.liveRelease.release != 0 && !w.kept() && w.verdict(w.desired) != rejected)
	}
}

// backup tells whether the standby is fit to answer for a live release that has proven
// itself, whether it still runs or not.
func (w miniature) backup() bool {
	s, t := w.stacks[w.live.other()], w.liveRelease
	there := w.stacks[w.live].release
	return w.runs(w.live.other(), s.release) && w.passed[s.release] && w.verdict(s.release) == untried && s.fitness != uint8(BackupUnhealthy) &&
		t.color == w.live && w.passed[t.release] && (there == t.release || w.stacks[w.live].condition == uint8(Absent))
}

// flipsTo tells whether the plan is to send the traffic to h.
func (w miniature) flipsTo(h hue) bool {
	plan, _ := w.plan()
	return slices.ContainsFunc(plan, func(s Step) bool { return s.Action == Flip && hueOf(s.Color) == h })
}

func (w miniature) touches(s Step, c hue, r pick) bool {
	return s.Action == Drain || s.Action == Retire || s.Action == Up && w.stacks[c].release != r
}

// isWayBack tells whether the stack in h, beside the live one, is what to return
// to should the live release turn out bad, while git still wants that release.
func (w miniature) isWayBack(h hue) bool {
	onTrial, other := w.stacks[w.live].release, w.stacks[h].release
	if w.liveRelease.release != 0 && w.liveRelease.color == w.live {
		onTrial = w.liveRelease.release
	}
	if onTrial != w.desired || w.passed[onTrial] || other == 0 || other == onTrial || w.verdict(other) != untried {
		return false
	}
	// Where nobody ever confirmed anything, a live stack that runs may be worth a
	// return; a dead one is only worth being left for what was confirmed.
	return w.liveRelease.color == w.live && w.liveRelease.release != 0 || w.isLiveRelease(h, other) ||
		w.runs(w.live, onTrial) && w.verdict(onTrial) != rejected
}

// isReturn tells whether p is what to return to when the confirmed release is bad.
func (w miniature) isReturn(p pick) bool {
	t := w.liveRelease
	return t.release != 0 && w.verdict(t.release) == rejected && w.stacks[t.color.other()].release == p && w.verdict(p) == untried
}

// faultAtRest tells what is wrong with a state in which nothing is left to do.
func (y story) faultAtRest(w miniature, reason Reason) string {
	live, t := w.stacks[w.live], w.liveRelease
	kept := t.release != 0 && w.verdict(t.release) != rejected
	other := w.stacks[w.live.other()]
	if w.after.unused {
		return w.faultUnused(reason)
	}
	switch {
	case kept && (!w.isLiveRelease(w.live, t.release) || !w.runs(w.live, t.release) || w.healing):
		return "at rest, what was confirmed is live, whole and gated"
	case w.verdict(w.desired) == rejected && reason != Held && reason != NoRollbackTarget:
		return "at rest, a rejected release is Held, or there is NoRollbackTarget: not " + string(reason)
	case t.release == 0 && w.runs(w.live, live.release) && live.release != 0 && w.verdict(live.release) == untried:
		return "at rest, what has the traffic and runs is confirmed"
	case w.verdict(live.release) == rejected && w.isLiveRelease(w.live, live.release) && other.release != 0 && w.verdict(other.release) == untried:
		return "at rest, a rejected release is not live as long as there is a way back"
	case w.verdict(w.desired) == rejected && w.isLiveRelease(w.live, w.desired) && live.release == w.desired && (reason != NoRollbackTarget || !w.runs(w.live, t.release)):
		return "at rest, a rejected release that has to stay live is kept running, and NoRollbackTarget says so: not " + string(reason)
	case w.verdict(w.desired) == rejected && kept && reason != Held:
		return "at rest, Held says that another release is live: not " + string(reason)
	case w.verdict(w.desired) == rejected:
		return ""
	case w.kept() && reason != FilesRefused && reason != Paused && reason != OutsideWindow && reason != NoRollbackTarget:
		return "at rest, the reason says that nothing new may be deployed: not " + string(reason)
	case w.kept():
		return ""
	}
	if fault := w.faultAfterwards(reason); fault != "" {
		return fault
	}
	return w.faultWhenUpToDate(reason)
}

// faultWhenStuck allows for the one step that is tried again and again: the gate
// of the confirmed release, which is given time to recover.
func (y story) faultWhenStuck(w miniature, s Step) string {
	r := pickOf(s.Release)
	if s.Action == Gate && Forgives(w.app(), w.observed(), w.memory(), s) && !y.passesGate(w, r) {
		return ""
	}
	return "every step changes something: not " + s.String()
}

// faultWhenUpToDate tells what a release that git wants and nobody rejected
// still lacks.
func (w miniature) faultWhenUpToDate(reason Reason) string {
	switch {
	case reason != UpToDate && w.after.contractFailed != w.desired:
		return "at rest, the reason is UpToDate: not " + string(reason)
	case w.choice != auto && w.live != w.choice:
		return "at rest, the desired color is live"
	case !w.runs(w.live, w.desired):
		return "at rest, the desired release runs in the live color"
	case !w.isLiveRelease(w.live, w.desired):
		return "at rest, the desired release is confirmed"
	case !w.passed[w.desired]:
		return "at rest, the desired release has passed its watch"
	case w.expired && !w.lies(w.live.other()):
		return "at rest, a standby whose time is over is stopped"
	default:
		return ""
	}
}

// faultOfChange compares where the plan was left alone with where it ended.
func (y story) faultOfChange(start, end miniature) string {
	bad := slices.Contains([]fate{badAtGate, badInWatch, badExpand}, y.fate(start.desired))
	ill := start.liveRelease.release != 0 && !y.passesGate(start, start.liveRelease.release)
	kept := start.kept()
	proven := start.liveRelease.release
	switch {
	case bad && !kept && !ill && end.verdict(start.desired) != rejected:
		return "a bad release ends up rejected"
	case (bad || kept) && proven != start.desired && start.passed[proven] && !ill && start.canReturn() && end.stacks[end.live].release != proven:
		return "a release that passed its watch stays, or becomes again, live when the next one is bad or has to wait"
	default:
		return ""
	}
}

// canReturn tells whether the confirmed release is within reach: it has a stack,
// and the traffic either is there, or was led by hand to where nobody wants it.
func (w miniature) canReturn() bool {
	t, live := w.liveRelease, w.stacks[w.live]
	if w.stacks[t.color].release != t.release {
		return false
	}
	astray := !w.runs(w.live, live.release) || live.release != w.desired && w.verdict(live.release) != untried
	return w.live == t.color || w.runs(t.color, t.release) && astray
}

// stepWords is a plan in one line.
func stepWords(steps []Step) string {
	words := make([]string, len(steps))
	for i, s := range steps {
		words[i] = strings.TrimSpace(fmt.Sprintf("%s %s %s", s.Action, s.Color, s.Release.Tag))
	}
	return strings.Join(words, "; ")
}
