package reconciler

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/semaphore"

	"tandem/reconciler/deploy"
)

// Desired is what the newest commit says about one app: an App, or the reason
// why there is none.
type Desired struct {
	File deploy.AppFile
	App  deploy.App // as ParseApp returned it; zero when Err is set. See PortAllocator for its ports
	Err  error      // Faults, or why the app cannot be taken from this commit
	// Withheld says why a newer commit is not taken; see Revision. nil: there is none.
	Withheld error
	Beside   deploy.Faults // of other files of the commit that name this app too, and are refused
}

// Options are the parts that a Runner works with. All are needed.
type Options struct {
	Name         string // the app's
	Host         string // this machine, for the status
	Trees        string // directory under which the app's files are exported
	Source       Exporter
	HostFiles    HostFiles // nil: no app has any
	Resolver     Resolver
	Ports        PortAllocator
	Stacks       Stacks
	Examiner     Examiner
	DirectProber DirectProber
	Router       Router
	Holders      Holders
	ProxyProber  ProxyProber
	AccessLog    AccessLog
	StatsReader  StatsReader
	Backup       Backup
	Singletons   Singletons
	Migrator     Migrator
	Shared       SharedServices
	Pruner       Pruner
	Reverter     Reverter
	InUse        func(deploy.Image) bool // whether another app needs the image
	// Slots bounds how many runners of one agent read their files, or ask Docker for their
	// stacks, at the same time. When an agent starts, and with each commit, all of its apps
	// do. With hundreds of them Docker took longer than a look may take, and what they read
	// took hundreds of megabytes. Nginx is asked outside of it, because apps that ask at the
	// same time share what it says, and so are steps: an app that waits for its gate is in
	// nobody's way.
	Slots  *semaphore.Weighted
	Memory deploy.Memory             // as it was saved last
	Save   func(deploy.Memory) error // atomically; called before anything relies on it
	Emit   func(deploy.Event)        // must not block
	Now    func() time.Time
	Clock  func() deploy.Clock // the one that Now reads
}

// Runner brings one app from what is observed to what is desired, and keeps it
// there. One goroutine (Run or Once) does all the work; the other methods only
// leave word for it and may be called from anywhere.
type Runner struct {
	options  Options
	kick     chan struct{} // of size one: something may have changed
	news     chan struct{} // of size one: somebody decided something
	exchange exchange

	// Below: only the working goroutine.
	memory   deploy.Memory
	unsaved  bool // the last Save failed: nothing may rely on memory yet
	proven   proven
	file     string                // the name of the app's tandem.yaml in its directory
	ready    *deploy.App           // the last App that was read, exported and resolved
	apps     map[string]deploy.App // by root, for stacks of other releases
	changed  map[string]bool       // roots whose files are not those of git any more: see trees.go
	reported deploy.Entry          // the newest line of the history that listeners heard of
	dirty    bool                  // images may have become needless
	prober   *proxyProber          // the last that was begun; nil before the first
	lacking  error                 // what a person has to write before Nginx can have the files, as the last render said; nil: nothing
	inHand   *passState            // of the pass that goes on
	nextAsk  time.Time             // when an image that is awaited is asked for again
	stuck    deploy.Reason         // of the plan whose step failed in the last pass
	// reallocated counts the passes until now that ended with other ports being chosen.
	reallocated int
	parked      bool // traffic was sent to an empty color by this process, not by somebody
}

// exchange is what other goroutines leave for the Runner and ask it for, under its lock.
type exchange struct {
	mu       sync.Mutex
	desired  *Desired
	commands []func(*deploy.Memory)
	abort    context.CancelFunc // of the pass in hand; nil between passes
	status   *deploy.Status     // the last one emitted
	roots    map[string]bool    // exported files that are needed
	memory   deploy.Memory      // as it was when the last status was made
}

// proven is what this process has seen. After a restart all of it is seen again.
type proven struct {
	gated     map[deploy.Color]string      // Stack.Instance that passed the gate, and that traffic has not left since
	drained   map[deploy.Color]bool        // was waited out since traffic left it
	backups   map[deploy.Color]backupCheck // as a backup
	strangers map[int]time.Time            // ports on which a program of the host listens, since it was seen first
	live      deploy.Color                 // what Nginx said last
	shared    string                       // App.Root of the files that the shared services are known to be of
}

// NewRunner returns a Runner that has nothing to do until Offer.
func NewRunner(o Options) *Runner {
	r := &Runner{
		options:  o,
		kick:     make(chan struct{}, 1),
		news:     make(chan struct{}, 1),
		exchange: exchange{memory: o.Memory.Clone(), roots: map[string]bool{o.Memory.Live.Root: true}},
		memory:   o.Memory.Clone(),
		proven:   proven{gated: map[deploy.Color]string{}, drained: map[deploy.Color]bool{}, backups: map[deploy.Color]backupCheck{}, strangers: map[int]time.Time{}},
		apps:     map[string]deploy.App{},
		changed:  map[string]bool{},
		reported: newest(o.Memory.History),
		dirty:    true,
	}
	r.options.Stacks = rememberingStacks{o.Stacks, &r.memory, map[string]deploy.Container{}, o.Now}
	return r
}

// Offer hands over what a newer commit says. If the app's directory changed, the
// work in hand is dropped at the next point where that is safe: the newer commit
// wins.
func (r *Runner) Offer(d Desired) {
	r.exchange.mu.Lock()
	if r.exchange.desired != nil && r.exchange.desired.File.Tree != d.File.Tree && r.exchange.abort != nil {
		r.exchange.abort()
	}
	r.exchange.desired = &d
	r.exchange.mu.Unlock()
	signal(r.news)
}

// Wake makes the runner look at the world again soon.
func (r *Runner) Wake() { signal(r.kick) }

// Retry makes a rejected release be tried again.
func (r *Runner) Retry() { r.command((*deploy.Memory).Retry) }

// Pause keeps new releases from being deployed until Resume. What is live is
// still kept alive, and taken back if it proves bad.
func (r *Runner) Pause() { r.command(func(m *deploy.Memory) { m.Paused = true }) }

// Resume ends a Pause.
func (r *Runner) Resume() { r.command(func(m *deploy.Memory) { m.Paused = false }) }

func (r *Runner) command(f func(*deploy.Memory)) {
	r.exchange.mu.Lock()
	r.exchange.commands = append(r.exchange.commands, f)
	if r.exchange.abort != nil {
		r.exchange.abort()
	}
	r.exchange.mu.Unlock()
	signal(r.news)
}

// Status returns the last status, or nil before the first pass ended.
func (r *Runner) Status() *deploy.Status {
	r.exchange.mu.Lock()
	defer r.exchange.mu.Unlock()
	return r.exchange.status
}

// save keeps the memory. Where that fails the pass ends, and no other begins
// before it went well: a verdict that was acted on and then forgotten in a crash
// would be acted against.
func (r *Runner) save() error {
	r.unsaved = true
	if err := r.options.Save(r.memory.Clone()); err != nil {
		return fmt.Errorf("save memory: %w", err)
	}
	r.unsaved = false
	return nil
}

// tellEnded tells the listeners of each deploy that ended since they last heard.
func (r *Runner) tellEnded() {
	fresh := slices.Clone(r.memory.History)
	if i := slices.Index(fresh, r.reported); i >= 0 {
		fresh = fresh[:i]
	}
	for _, e := range slices.Backward(fresh) {
		r.dirty = true
		r.options.Emit(deploy.Event{Time: r.options.Now(), App: r.options.Name, Kind: deploy.DeployEnded, Commit: e.Commit, Reason: e.Reason, Took: time.Duration(e.Took), Entry: &e})
	}
	r.reported = newest(r.memory.History)
}

func newest(history []deploy.Entry) deploy.Entry {
	if len(history) == 0 {
		return deploy.Entry{}
	}
	return history[0]
}
