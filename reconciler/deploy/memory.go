package deploy

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"
)

// Memory is the little about one app that can be seen nowhere else:
// judgements, and what people said. The world itself is looked at again, so a
// lost Memory costs a repeated gate, never a request. It is kept in one small
// JSON file.
type Memory struct {
	Tree       string      `json:"tree"`           // the App.Tree last seen
	Commit     string      `json:"commit"`         // the commit in which Tree was first seen
	Dir        string      `json:"dir,omitempty"`  // the directory of the repository that the app was last taken from
	Generation int         `json:"generation"`     // counts decisions: changes of Tree, and retries
	Clock      Clock       `json:"clock,omitzero"` // by which the times of Live and Pending are
	Live       LiveRelease `json:"live"`           // the last release that Nginx confirmed as live
	Passed     []Release   `json:"passed"`         // releases that passed their watch and still have a stack
	Rejected   []Rejection `json:"rejected"`       // newest last
	Healing    bool        `json:"healing"`        // the live stack was mended and has not passed the gate since
	Paused     bool        `json:"paused"`
	Pending    *Entry      `json:"pending,omitempty"` // the deploy in hand, until it ends in a Result
	Receipt    *Receipt    `json:"receipt,omitempty"` // of the last flip
	Baseline   Baseline    `json:"baseline,omitzero"` // what the old stack showed before the last flip
	Note       string      `json:"note"`              // the last thing that was put right, or is let be, until the next deploy
	History    []Entry     `json:"history"`           // newest first

	Promoted       []Release         `json:"promoted,omitempty"`        // releases that ever passed their watch, newest last: what may be returned to
	Expanded       []Release         `json:"expanded,omitempty"`        // releases whose expand migration ran to its end, newest last
	Contracted     []Release         `json:"contracted,omitempty"`      // the same for contract
	Migrating      string            `json:"migrating,omitempty"`       // the migration that was begun and has no verdict yet: see migrationKey
	ContractFailed *Rejection        `json:"contract_failed,omitempty"` // the verdict on the last contract migration, if it was a bad one
	Barrier        *Barrier          `json:"barrier,omitempty"`         // since a contract migration was begun
	RevertTried    int               `json:"revert_tried,omitempty"`    // the Generation in which git was told of a failed release
	RevertWords    string            `json:"revert_words,omitempty"`    // what came of it, for people
	Started        map[Color]Started `json:"started"`                   // nil: written by a tandem that took down none, or lost
	Images         []OwnedImage      `json:"images,omitempty"`          // what the app's stacks pulled and nobody removed yet
	Awaited        *Awaited          `json:"awaited,omitempty"`         // an image that was not there yet
	TreeTags       []TreeTag         `json:"tree_tags,omitempty"`       // of an app that is built here and leaves the tag to the commit, newest last
	Failure        *Failure          `json:"failure,omitempty"`         // the last one whose words nobody knows
}

// OwnedImage is an image that one release of the app brought here.
type OwnedImage struct {
	Image
	Release Release `json:"release"`
}

// LiveRelease is one release being live in one color.
type LiveRelease struct {
	Color    Color     `json:"color"`
	Release  Release   `json:"release"`
	Commit   string    `json:"commit"`
	Root     string    `json:"root"`     // App.Root: the files that can bring it up again
	Restarts int       `json:"restarts"` // of its containers, when Since began
	Since    time.Time `json:"since"`    // when Nginx confirmed it, which is when its watch began

	// Of its watch: see liverelease.go.
	Started          time.Time `json:"started,omitzero"` // when the youngest of its containers was started
	WatchRestartedAt time.Time `json:"anew,omitzero"`    // when it began again after an outage; zero: it did not
	Outages          int       `json:"outages,omitempty"`
	Lost             int       `json:"-"` // Stack.EngineLost at that time; another process begins to count anew
}

// Is tells whether that release is live in that color.
func (t LiveRelease) Is(c Color, r Release) bool {
	return t.Color == c && t.Release == r && !r.IsZero()
}

// Age is how long the release has been live. It is not negative where the clock was
// set back; what waits for an age would wait for as long as the clock was ahead.
func (t LiveRelease) Age(now time.Time) time.Duration { return max(0, now.Sub(t.Since)) }

// Rejection is the verdict that a release is bad.
type Rejection struct {
	Release    Release `json:"release"`
	Generation int     `json:"generation"` // it stands as long as Memory.Generation is this
	Reason     Reason  `json:"reason"`
	Detail     string  `json:"detail"`
	Logs       string  `json:"logs,omitempty"`
}

// Entry is one line of the history.
type Entry struct {
	Commit  string    `yaml:"commit" json:"commit"`
	Tag     string    `yaml:"tag" json:"tag"`
	Color   Color     `yaml:"color" json:"color"`
	Result  Result    `yaml:"result" json:"result"`
	Reason  Reason    `yaml:"reason" json:"reason"`
	Started time.Time `yaml:"started" json:"started"`
	Took    Took      `yaml:"took" json:"took"`
}

// Result is how a deploy ended.
type Result string

// The results.
const (
	Promoted              Result = "Promoted"   // passed its watch
	RolledBack            Result = "RolledBack" // failed its watch and was taken back
	RejectedBeforeTraffic Result = "Rejected"   // failed before any traffic
	RefusedFiles          Result = "Refused"    // its files were wrong
	Superseded            Result = "Superseded" // a newer commit came first
	Reverted              Result = "Reverted"   // a commit returned to the release in the standby
	HistoryLimit                 = 50           // also of the releases that can be returned to
	rejectLimit                  = 20
	LogLineLimit                 = 20 // lines of a failed container that are kept
)

// RecordTree notes the tree that was just read, and tells whether it is a new one. That
// is a new decision: what was rejected before may be tried again, and a deploy
// that is still in hand is superseded.
func (m *Memory) RecordTree(tree, commit string, now time.Time) bool {
	if m.Tree == tree {
		return false
	}
	m.Finish(Superseded, "", now)
	m.Tree, m.Commit = tree, commit
	m.Generation++
	m.RevertWords, m.Awaited, m.Failure = "", nil, nil
	return true
}

// Begin notes that the deploy of e is in hand; one that is in hand already stays.
func (m *Memory) Begin(e Entry) {
	if m.Pending == nil {
		m.Pending = &e
	}
}

// Finish ends the deploy in hand, if there is one, and writes it into the
// history. An empty reason keeps the one that it began with.
func (m *Memory) Finish(result Result, reason Reason, now time.Time) {
	if m.Pending == nil {
		return
	}
	e := *m.Pending
	m.Pending = nil
	e.Result, e.Took = result, Took(max(0, now.Sub(e.Started)))
	if reason != "" {
		e.Reason = reason
	}
	m.Log(e)
}

// Retry makes the rejected release worth another try.
func (m *Memory) Retry() { m.Generation++ }

// Blocked returns the standing rejection of r. One from below the barrier is
// rejected for good.
func (m *Memory) Blocked(r Release) (Rejection, bool) {
	if m.Barrier.blocks(r) {
		return Rejection{Release: r, Generation: m.Generation, Reason: PastBarrier, Detail: m.Barrier.wayOut()}, true
	}
	for _, x := range slices.Backward(m.Rejected) {
		if x.Release == r && x.Generation == m.Generation {
			return x, true
		}
	}
	return Rejection{}, false
}

// EverRejected tells whether r was turned down and has not passed since. Such a
// release is no way back, even after a newer commit.
func (m *Memory) EverRejected(r Release) bool {
	return m.Barrier.blocks(r) || slices.ContainsFunc(m.Rejected, func(x Rejection) bool { return x.Release == r })
}

// HasPassed tells whether r passed its watch and still has a stack.
func (m *Memory) HasPassed(r Release) bool { return slices.Contains(m.Passed, r) }

// WasPromoted tells whether r ever passed its watch: going there is going back.
func (m *Memory) WasPromoted(r Release) bool { return slices.Contains(m.Promoted, r) }

// HasExpanded tells whether the expand migration of r ran to its end.
func (m *Memory) HasExpanded(r Release) bool { return slices.Contains(m.Expanded, r) }

// HasContracted tells whether the contract migration of r ran to its end.
func (m *Memory) HasContracted(r Release) bool { return slices.Contains(m.Contracted, r) }

// Latest returns the list with r at its end, and no longer than the history.
func Latest(list []Release, r Release) []Release {
	out := append(slices.DeleteFunc(slices.Clone(list), func(x Release) bool { return x == r }), r)
	return out[max(0, len(out)-HistoryLimit):]
}

// Reject records the verdict against r.
func (m *Memory) Reject(r Release, e RejectError) {
	m.Passed = slices.DeleteFunc(m.Passed, func(x Release) bool { return x == r })
	m.Rejected = append(m.Rejected, Rejection{r, m.Generation, e.Reason, e.Detail, e.Logs})
	m.Rejected = m.Rejected[max(0, len(m.Rejected)-rejectLimit):]
}

// Pass records that r passed its watch; keep lists the releases that still have
// a stack, and the others are forgotten, because a release that has to be made
// anew has to prove itself anew.
func (m *Memory) Pass(r Release, keep ...Release) {
	m.Rejected = slices.DeleteFunc(m.Rejected, func(x Rejection) bool { return x.Release == r })
	m.Passed = slices.DeleteFunc(m.Passed, func(x Release) bool { return x == r || !slices.Contains(keep, x) })
	m.Passed = append(m.Passed, r)
	m.Promoted = Latest(m.Promoted, r)
}

// Log puts an entry at the head of the history.
func (m *Memory) Log(e Entry) {
	m.History = slices.Insert(m.History, 0, e)
	m.History = m.History[:min(len(m.History), HistoryLimit)]
}

// Clone returns a copy that shares nothing with m.
func (m *Memory) Clone() Memory {
	c := *m
	c.Passed = slices.Clone(m.Passed)
	c.Rejected = slices.Clone(m.Rejected)
	c.History = slices.Clone(m.History)
	c.Promoted = slices.Clone(m.Promoted)
	c.Expanded = slices.Clone(m.Expanded)
	c.Contracted = slices.Clone(m.Contracted)
	c.Images = slices.Clone(m.Images)
	c.TreeTags = slices.Clone(m.TreeTags)
	c.Started = maps.Clone(m.Started)
	if m.ContractFailed != nil {
		x := *m.ContractFailed
		c.ContractFailed = &x
	}
	if m.Awaited != nil {
		a := *m.Awaited
		c.Awaited = &a
	}
	if m.Failure != nil {
		f := *m.Failure
		c.Failure = &f
	}
	c.Barrier = m.Barrier.clone()
	if m.Pending != nil {
		p := *m.Pending
		c.Pending = &p
	}
	if m.Receipt != nil {
		r := *m.Receipt
		c.Receipt = &r
	}
	return c
}

// Encode returns the bytes of the memory file.
func (m *Memory) Encode() ([]byte, error) { return json.MarshalIndent(m, "", "  ") }

// DecodeMemory reads what Encode wrote.
func DecodeMemory(data []byte) (Memory, error) {
	var m Memory
	if err := json.Unmarshal(data, &m); err != nil {
		return Memory{}, fmt.Errorf("read memory: %w", err)
	}
	return m, nil
}

// Took is a duration that prints and parses as Go does ("3.2s"), rounded to
// three digits so that a status file stays readable.
type Took time.Duration

func (t Took) String() string {
	d := time.Duration(t)
	for unit := time.Duration(1); unit < d; unit *= 10 {
		if d < unit*1000 {
			return d.Round(unit).String()
		}
	}
	return d.String()
}

// MarshalText implements encoding.TextMarshaler.
func (t Took) MarshalText() ([]byte, error) { return []byte(t.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (t *Took) UnmarshalText(b []byte) error {
	d, err := time.ParseDuration(string(b))
	*t = Took(d)
	return err
}

// NeededReleases lists the releases that must not have to be pulled again: what is live or
// wanted, what has a stack, and what can be returned to.
func (m *Memory) NeededReleases(more ...Release) []Release {
	return slices.Concat(more, m.Promoted, []Release{m.Live.Release})
}

// Needs tells whether one of the kept releases runs the image, under whatever name.
// A name alone does not count: a tag that moved on leaves its old image behind.
func (m *Memory) Needs(i Image, kept []Release) bool {
	return slices.ContainsFunc(m.Images, func(o OwnedImage) bool {
		return o.ID == i.ID && slices.Contains(kept, o.Release)
	})
}

// Awaited is an image that a registry did not have when it was needed.
type Awaited struct {
	Release    Release   `json:"release"`
	Generation int       `json:"generation"` // of another one the time begins anew
	Since      time.Time `json:"since"`      // when it was missed first; a restart does not change it
	Detail     string    `json:"detail"`     // what is missing now; empty: nothing is
}
