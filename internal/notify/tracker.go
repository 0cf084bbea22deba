package notify

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"tandem/reconciler/deploy"
)

const (
	// reminder is the shortest time between two messages about the same trouble.
	reminder = time.Hour
	// settling is how long an app must be well before its trouble is called over.
	// A container that dies again at once is still the same trouble.
	settling = 15 * time.Second
	// relapse is how long trouble that was told within the last hour, and was over
	// since, must last to be told again.
	relapse = 5 * time.Minute
	// troubleLimit bounds what is remembered of one app.
	troubleLimit = 20
)

// tracker knows what has been told of each app.
type tracker struct {
	Apps map[string]*appState `json:"apps"`
}

// appState is what is known of one app.
type appState struct {
	News     *news                `json:"news,omitempty"`    // is told with the next status, which says what is live
	Trouble  *trouble             `json:"trouble,omitempty"` // lasts, or has just ended
	Reported map[string]time.Time `json:"told,omitempty"`    // when which trouble was told last
	Refused  string               `json:"refused,omitempty"` // the commit whose refusal was told

	status *deploy.Status // the last one
}

// news is how a deploy ended.
type news struct {
	What   string        `json:"what"` // "is live", "rejected", …
	Tag    string        `json:"tag"`
	Commit string        `json:"commit"`
	Reason deploy.Reason `json:"reason,omitempty"`
	Text   string        `json:"text,omitempty"`
	At     time.Time     `json:"at"`
}

// The ends of a deploy that are told.
const (
	isLive     = "is live"
	isBack     = "is live again (reverted)"
	rejected   = "rejected"
	rolledBack = "rolled back"
)

// trouble is a time in which an app is degraded.
type trouble struct {
	Key      string        `json:"key"`
	Reason   deploy.Reason `json:"reason"`
	Text     string        `json:"text"`
	Commit   string        `json:"commit"`
	Since    time.Time     `json:"since"`
	Reported bool          `json:"told"`
	Well     time.Time     `json:"well,omitzero"` // since when the app is well again
}

// record notes an event and returns what is to be told because of it.
func (t *tracker) record(e deploy.Event) []fact {
	a := t.app(e.App)
	switch e.Kind {
	case deploy.Rejecting:
		return a.heard(e.App, news{What: rejected, Tag: e.Step.Release.Tag, Commit: e.Commit, Reason: e.Reason, Text: e.Message, At: e.Time})
	case deploy.DeployEnded:
		what := map[deploy.Result]string{
			deploy.Promoted: isLive, deploy.Reverted: isBack,
			deploy.RejectedBeforeTraffic: rejected, deploy.RolledBack: rolledBack,
		}[e.Entry.Result]
		if what != "" { // refused files are told with the status, which has the faults; a superseded release is nobody's trouble
			return a.heard(e.App, news{What: what, Tag: e.Entry.Tag, Commit: e.Entry.Commit, Reason: e.Entry.Reason, At: e.Time})
		}
	case deploy.StatusChanged:
		return a.changed(e)
	}
	return nil
}

func (t *tracker) app(app string) *appState {
	if t.Apps == nil {
		t.Apps = map[string]*appState{}
	}
	if t.Apps[app] == nil {
		t.Apps[app] = &appState{}
	}
	return t.Apps[app]
}

// heard keeps news until the next status. A verdict arrives twice, as the event
// with the sentence and as a line of the history, in either order: that is one.
func (a *appState) heard(app string, n news) []fact {
	var out []fact
	if old := a.News; old != nil {
		if n.verdict() && old.verdict() && n.Tag == old.Tag && n.Commit == old.Commit {
			if old.What == rolledBack {
				n.What = rolledBack
			}
			if n.Text == "" {
				n.Reason, n.Text = old.Reason, old.Text
			}
		} else {
			out = append(out, old.fact(app, a.status))
		}
	}
	a.News = &n
	return out
}

func (n news) verdict() bool { return n.What == rejected || n.What == rolledBack }

// stillOn tells whether the traffic is yet to be taken from the rejected release.
func (n news) stillOn(s *deploy.Status) bool {
	return s.Reason == deploy.RollingBack || s.Phase == deploy.PhaseDegraded && s.Live != nil && s.Live.Tag == n.Tag
}

func (n news) fact(app string, s *deploy.Status) fact {
	title := n.Tag + " " + n.What
	if n.verdict() {
		title += fmt.Sprintf(" (%s)", n.Reason)
	}
	sentence := n.Text
	if !n.verdict() && s != nil && s.Receipt != nil {
		sentence = s.Receipt.Verdict
	}
	return fact{app: app, title: title, sentence: sentence, commit: n.Commit, at: n.At, status: s}
}

// changed takes a new status.
func (a *appState) changed(e deploy.Event) []fact {
	s := e.Status
	a.status = s
	var out []fact
	switch {
	case a.News == nil:
	case a.News.verdict() && s.Reason == deploy.NoRollbackTarget:
		a.News = nil // the trouble that follows says the same
	case a.News.verdict() && a.News.stillOn(s):
		// It is told when the traffic has arrived where it is to go.
	default:
		out = append(out, a.News.fact(e.App, s))
		a.News = nil
	}
	if s.Phase == deploy.PhaseRefused && s.Desired.Commit != a.Refused {
		a.Refused = s.Desired.Commit
		out = append(out, fact{app: e.App, title: "the files of this commit are refused", sentence: s.Message, commit: s.Desired.Commit, at: e.Time, status: s})
	}
	return append(out, a.trouble(e)...)
}

func (a *appState) trouble(e deploy.Event) []fact {
	var out []fact
	if a.Trouble != nil && !a.Trouble.Well.IsZero() {
		out = a.tick(e.App, e.Time) // else what is over would be taken for what begins
	}
	switch e.Status.Phase {
	case deploy.PhaseDegraded:
		a.begin(e)
	case deploy.PhaseDeploying: // may be the way out, and may not
	default:
		if a.Trouble != nil && a.Trouble.Well.IsZero() {
			a.Trouble.Well = e.Time
		}
	}
	return append(out, a.tick(e.App, e.Time)...)
}

// begin notes trouble, or that it is another one than before.
func (a *appState) begin(e deploy.Event) {
	t := trouble{
		Key:    string(e.Status.Reason) + " " + timeless(e.Status.Message),
		Reason: e.Status.Reason, Text: e.Status.Message, Commit: e.Status.Desired.Commit, Since: e.Time,
	}
	if old := a.Trouble; old != nil {
		t.Since, t.Reported = old.Since, old.Reported
	}
	a.Trouble = &t
}

// tick tells what only time decides. After a restart it waits for a status: how
// the app is now is not known before.
func (a *appState) tick(app string, now time.Time) []fact {
	t := a.Trouble
	if t == nil || a.status == nil || a.due().After(now) {
		return nil
	}
	f := fact{app: app, sentence: t.Text, commit: t.Commit, at: now, status: a.status}
	if !t.Well.IsZero() {
		a.Trouble = nil
		if !t.Reported {
			return nil
		}
		f.title = fmt.Sprintf("well again after %s (%s)", span(t.Well.Sub(t.Since)), t.Reason)
		f.sentence = "It was: " + t.Text
		return []fact{f}
	}
	f.title = fmt.Sprintf("degraded (%s)", t.Reason)
	if _, again := a.Reported[t.Key]; again && t.Reported {
		f.title = fmt.Sprintf("still degraded after %s (%s)", span(now.Sub(t.Since)), t.Reason)
	}
	a.tell(t.Key, now)
	t.Reported = true
	return []fact{f}
}

// tell notes that a trouble is told now, and forgets which was told too long ago
// to matter.
func (a *appState) tell(key string, now time.Time) {
	if a.Reported == nil {
		a.Reported = map[string]time.Time{}
	}
	maps.DeleteFunc(a.Reported, func(k string, at time.Time) bool { return now.Sub(at) > 2*reminder })
	for len(a.Reported) >= troubleLimit {
		oldest := slices.MinFunc(slices.Collect(maps.Keys(a.Reported)), func(x, y string) int { return a.Reported[x].Compare(a.Reported[y]) })
		delete(a.Reported, oldest)
	}
	a.Reported[key] = now
}

// due is when the trouble has something to tell by itself.
func (a *appState) due() time.Time {
	t := a.Trouble
	told, known := a.Reported[t.Key]
	switch {
	case !t.Well.IsZero():
		return t.Well.Add(settling)
	case !known:
		return t.Since
	case t.Reported || told.Add(reminder).Before(t.Since.Add(relapse)):
		return told.Add(reminder)
	default:
		return t.Since.Add(relapse)
	}
}

// tick tells what only time decides, of all apps.
func (t *tracker) tick(now time.Time) []fact {
	var out []fact
	for _, app := range slices.Sorted(maps.Keys(t.Apps)) {
		out = append(out, t.Apps[app].tick(app, now)...)
	}
	return out
}

// due are the times at which tick has something to tell.
func (t *tracker) due() []time.Time {
	var due []time.Time
	for _, a := range t.Apps {
		if a.Trouble != nil && a.status != nil {
			due = append(due, a.due())
		}
	}
	return due
}

// The parts of a sentence that differ each time it is said: ids, times, counters.
var (
	anyID     = regexp.MustCompile(`\b[0-9a-f]{7,}\b`)
	anyAmount = regexp.MustCompile(`([0-9]+([.,][0-9]+)?(ns|us|µs|ms|s|m|h|%)?)+`)
)

// timeless is the first line of text without what differs each time. The lines
// below it are a log, which is never the same twice.
func timeless(text string) string {
	line, _, _ := strings.Cut(text, "\n")
	return anyAmount.ReplaceAllString(anyID.ReplaceAllString(line, "#"), "#")
}

// span is a duration as people say it.
func span(d time.Duration) string {
	switch d = d.Round(time.Second); {
	case d >= time.Hour:
		return fmt.Sprintf("%dh%dm", int(d.Hours()), int(d.Minutes())%60)
	case d >= time.Minute:
		return fmt.Sprintf("%dm", int(d.Minutes()))
	default:
		return d.String()
	}
}
