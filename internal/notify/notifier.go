package notify

import (
	"bytes"
	"context"
	"log/slog"
	"maps"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"tandem/reconciler/deploy"
)

const (
	// sendTime is how long an answer is waited for. An attempt that takes longer
	// goes on by itself, for nothing can stop it, and is not repeated meanwhile: a
	// slow receiver would be told twice.
	sendTime = 15 * time.Second
	// stopTime is how long a stop waits for what is under way.
	stopTime = 3 * time.Second
	// inboxLimit bounds the events that wait for the goroutine of Run.
	inboxLimit = 1000
)

// Options says whom a Notifier tells, and where it remembers that.
type Options struct {
	File  string // with the addresses, one a line; empty: nobody is told
	State string // the agent's directory
	Host  string // this machine's name
	Log   *slog.Logger
	// Counted hears of each message and receiver whether it arrived; it must not
	// block, and may be nil.
	Counted func(arrived bool)
}

// Notifier tells people. It can neither delay nor fail what it tells of.
type Notifier struct {
	Options
	send func(url string, m Message) error

	mu    sync.Mutex
	inbox []item
	wake  chan struct{} // of size one

	// Below: only the goroutine of Run or Flush.
	book    book
	known   map[string]receiver
	journal journal
	saved   []byte // the journal as it is on disk
	results chan result
	flying  int           // attempts whose result is awaited
	over    chan struct{} // closed when nobody takes results any more
}

// item is an event, or an app that is gone.
type item struct {
	event deploy.Event
	gone  string
}

// result is what became of an attempt.
type result struct {
	letter letter
	err    error
	hung   bool // not known yet: the time is up
	late   bool // the true result of an attempt that was hung
}

// New returns a Notifier that does nothing until Run or Flush, one of which may be
// called once.
func New(o Options) *Notifier {
	return newNotifier(o, send, checkURL)
}

func newNotifier(o Options, send func(string, Message) error, check func(string) error) *Notifier {
	if o.Counted == nil {
		o.Counted = func(bool) {}
	}
	return &Notifier{
		Options: o, send: send,
		wake:    make(chan struct{}, 1),
		book:    book{path: o.File, check: check},
		results: make(chan result),
		over:    make(chan struct{}),
	}
}

// Handle takes an event; it never blocks.
func (n *Notifier) Handle(e deploy.Event) {
	switch e.Kind {
	case deploy.Rejecting, deploy.DeployEnded, deploy.StatusChanged:
		n.enqueue(item{event: e})
	}
}

// Forget drops what is known of an app that is gone; it never blocks.
func (n *Notifier) Forget(app string) { n.enqueue(item{gone: app}) }

func (n *Notifier) enqueue(i item) {
	if n.File == "" {
		return
	}
	n.mu.Lock()
	n.inbox = append(n.inbox, i)
	if len(n.inbox) > inboxLimit {
		n.inbox = n.inbox[1:]
	}
	n.mu.Unlock()
	select {
	case n.wake <- struct{}{}:
	default:
	}
}

// Run tells until ctx ends. What has not arrived by then is told after the next
// start.
func (n *Notifier) Run(ctx context.Context) {
	defer close(n.over)
	if n.File == "" {
		return
	}
	n.open()
	for n.round(ctx); n.await(ctx); n.round(ctx) {
	}
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTime)
	defer cancel()
	n.finish(last)
}

// Flush tells what there is to tell now, once, and returns; ctx bounds how long
// answers are waited for. It is for an agent that does not run on.
func (n *Notifier) Flush(ctx context.Context) {
	defer close(n.over)
	if n.File == "" {
		return
	}
	n.open()
	n.round(ctx)
	n.finish(ctx)
}

// open reads what a former process knew.
func (n *Notifier) open() {
	var err error
	if n.journal, err = readJournal(n.path()); err != nil {
		n.Log.Warn("what was told already is not known; begun anew", "err", err)
	}
	n.journal.Outbox.inFlight, n.journal.Outbox.hung = map[string]bool{}, map[string]int{}
	n.reloadReceivers()
}

func (n *Notifier) path() string { return filepath.Join(n.State, "notify.json") }

// round does all that can be done at once.
func (n *Notifier) round(ctx context.Context) {
	n.read()
	n.post(n.journal.Tracker.tick(time.Now()))
	n.save()
	for ctx.Err() == nil {
		l, ok := n.journal.Outbox.next(time.Now())
		if !ok {
			return
		}
		to, known := n.known[l.Receiver]
		if !known { // gone from the file since it was tried last
			n.journal.Outbox.done(l.Receiver)
			continue
		}
		n.flying++
		go n.attempt(l, to.url)
	}
}

// read takes what was heard.
func (n *Notifier) read() {
	n.mu.Lock()
	inbox := n.inbox
	n.inbox = nil
	n.mu.Unlock()
	for _, i := range inbox {
		if i.gone != "" {
			delete(n.journal.Tracker.Apps, i.gone)
			continue
		}
		n.post(n.journal.Tracker.record(i.event))
	}
}

// post queues facts for everyone who is to be told now.
func (n *Notifier) post(facts []fact) {
	if len(facts) == 0 {
		return
	}
	n.reloadReceivers()
	for _, f := range facts {
		m := f.message(n.Host)
		if len(n.known) == 0 {
			n.Log.Warn("there is nobody to tell", "file", n.File, "title", m.Title)
		}
		for _, r := range n.book.receivers {
			n.put(letter{Receiver: r.id, Message: m})
		}
	}
}

func (n *Notifier) put(l letter) {
	if n.journal.Outbox.put(l) {
		n.lost(l.Receiver, "too many messages wait for it; the oldest is dropped")
	}
}

// reloadReceivers reads the file with the addresses, if it has changed.
func (n *Notifier) reloadReceivers() {
	receivers, err := n.book.load()
	if err != nil {
		n.Log.Warn("not everybody can be told", "file", n.File, "err", err)
	}
	known := map[string]receiver{}
	for _, r := range receivers {
		known[r.id] = r
	}
	if maps.Equal(known, n.known) {
		return
	}
	n.known = known
	if dropped := n.journal.Outbox.keep(known); dropped > 0 {
		n.Log.Warn("messages dropped; their receivers are gone from the file", "file", n.File, "messages", dropped)
	}
}

// attempt sends one letter, in a goroutine of its own.
func (n *Notifier) attempt(l letter, url string) {
	sent := make(chan error, 1)
	go func() { sent <- n.send(url, l.Message) }()
	timer := time.NewTimer(sendTime)
	defer timer.Stop()
	select {
	case err := <-sent:
		n.report(result{letter: l, err: err})
	case <-timer.C:
		n.report(result{letter: l, hung: true})
		n.report(result{letter: l, err: <-sent, late: true})
	}
}

func (n *Notifier) report(r result) {
	select {
	case n.results <- r:
	case <-n.over:
	}
}

// await waits until there is something to do, and returns false when ctx ends.
func (n *Notifier) await(ctx context.Context) bool {
	select {
	case <-ctx.Done():
		return false
	case <-n.wake:
	case <-n.due():
	case r := <-n.results:
		n.handleResult(r)
	}
	return true
}

// due ticks when time alone gives something to do.
func (n *Notifier) due() <-chan time.Time {
	due := append(n.journal.Tracker.due(), n.journal.Outbox.due()...)
	if len(due) == 0 {
		return nil
	}
	return time.After(time.Until(slices.MinFunc(due, time.Time.Compare)))
}

// finish takes what was heard last, and waits for the results of what is under
// way.
func (n *Notifier) finish(ctx context.Context) {
	n.read()
	for n.flying > 0 && ctx.Err() == nil {
		select {
		case <-ctx.Done():
		case r := <-n.results:
			n.handleResult(r)
		}
	}
	n.save()
}

// handleResult draws the consequence of a result.
func (n *Notifier) handleResult(r result) {
	o, to := &n.journal.Outbox, r.letter.Receiver
	if r.late {
		o.hung[to]--
		n.handleLateResult(r)
		return
	}
	n.flying--
	switch {
	case r.hung:
		o.done(to)
		o.hung[to]++
		n.Log.Warn("a receiver does not answer; whether it was told is not known", "receiver", n.name(to), "title", r.letter.Message.Title)
	case r.err == nil:
		o.done(to)
		n.Counted(true)
	case !o.retry(to, time.Now()):
		n.lost(to, r.err.Error())
	case r.letter.Tries == 0:
		n.Log.Warn("a receiver could not be told; it will be tried again", "receiver", n.name(to), "err", r.err)
	}
}

// handleLateResult draws it of an attempt that took its time. Where it failed, the
// message did not arrive and may be repeated.
func (n *Notifier) handleLateResult(r result) {
	if r.err == nil {
		n.Counted(true)
		return
	}
	l, more := r.letter.again(time.Now())
	if !more {
		n.lost(l.Receiver, r.err.Error())
		return
	}
	n.put(l)
}

// lost notes that a receiver will not be told something.
func (n *Notifier) lost(receiver, why string) {
	n.Log.Warn("a receiver was not told", "receiver", n.name(receiver), "err", why)
	n.Counted(false)
}

func (n *Notifier) name(receiver string) string {
	if r, ok := n.known[receiver]; ok {
		return r.name
	}
	return "one that is gone from the file"
}

// save keeps what is known, if it has changed. Where that fails, people are told
// nevertheless; after a restart perhaps again.
func (n *Notifier) save() {
	data, err := n.journal.encode()
	if err == nil && bytes.Equal(data, n.saved) {
		return
	}
	if err == nil {
		err = writeJournal(n.path(), data)
	}
	if err != nil {
		n.Log.Warn("what was told is not saved", "err", err)
		return
	}
	n.saved = data
}
