package agent

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"tandem/reconciler"
	"tandem/reconciler/deploy"
)

// pollTime bounds one look at the remote.
const pollTime = 2 * time.Minute

// poll looks at the remote on a schedule, and at once when it is woken.
type poll struct {
	source reconciler.Poller
	next   func(now time.Time, failures int) time.Time
	offer  func(deploy.Revision)
	after  func() // called after every look, successful or not
	idle   func() // called once when a look found that nothing has happened since the one before
	log    *slog.Logger

	wake chan struct{} // of size one

	mu       sync.Mutex
	commit   string // the last one offered
	withheld string // why a newer one is not taken; empty: there is none
	offered  bool   // a revision was handed over
	failures int
	err      error // of the last look
	idleFor  bool  // something has happened since the last call of calm
	wakeUp   bool  // something has happened since the last look
}

func newPoll(s reconciler.Poller, next func(time.Time, int) time.Time, log *slog.Logger) *poll {
	return &poll{source: s, next: next, log: log, wake: make(chan struct{}, 1), idle: func() {}}
}

// run polls until ctx ends.
func (p *poll) run(ctx context.Context) {
	for ctx.Err() == nil {
		p.fetch(ctx)
		timer := time.NewTimer(time.Until(p.next(time.Now(), p.failed())))
		select {
		case <-ctx.Done():
		case <-p.wake:
		case <-timer.C:
		}
		timer.Stop()
	}
}

// fetch asks once, offers what is new, and says a failure once until it changes.
func (p *poll) fetch(parent context.Context) {
	ctx, cancel := context.WithTimeout(parent, pollTime)
	defer cancel()
	rev, err := p.source.Poll(ctx)
	if parent.Err() != nil {
		return
	}
	if p.note(err) {
		p.log.Warn("repository not read; what is live stays live", "reason", deploy.ReasonOf(err), "err", err)
	}
	news := err == nil && p.news(rev)
	if news {
		p.offer(rev)
		p.handedOver()
	}
	p.after()
	if err == nil && !news && p.calmed() {
		p.idle()
	}
}

// note keeps the outcome of a look and tells whether it is worth a line.
func (p *poll) note(err error) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	fresh := err != nil && (p.err == nil || p.err.Error() != err.Error())
	if err == nil && p.err != nil {
		p.log.Info("repository can be read again")
	}
	p.err = err
	if err == nil {
		p.failures = 0
	} else {
		p.failures++
	}
	return fresh
}

// news tells, and logs, whether the commit is another one than last time, or
// whether a newer one is withheld for another reason.
func (p *poll) news(rev deploy.Revision) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	withheld := ""
	if rev.Withheld != nil {
		withheld = rev.Withheld.Error()
	}
	moved, changed := p.commit != rev.Commit.Hash, p.withheld != withheld
	p.commit, p.withheld = rev.Commit.Hash, withheld
	if moved {
		p.log.Info("new commit", "commit", rev.Commit.Short(), "author", rev.Commit.Author, "subject", rev.Commit.Subject, "apps", len(rev.Files))
	}
	switch {
	case changed && withheld != "":
		p.log.Warn("the newest commit is not deployed", "reason", deploy.ReasonOf(rev.Withheld), "err", withheld)
	case changed:
		p.log.Info("no commit is withheld any more")
	}
	return moved || changed
}

// withholds tells whether the newest commit of the branch is not taken because it
// is not verified.
func (p *poll) withholds() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.withheld != "" || p.err != nil && deploy.ReasonOf(p.err) == deploy.Unverified
}

func (p *poll) handedOver() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.offered, p.idleFor = true, true
}

// Handle notes that something has happened.
func (p *poll) Handle(deploy.Event) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.idleFor, p.wakeUp = true, true
}

// Forget has nothing to do: what has happened is of no app.
func (p *poll) Forget(string) {}

// calmed tells, once, that what has happened is over.
func (p *poll) calmed() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	idle := p.idleFor && !p.wakeUp
	p.wakeUp = false
	if idle {
		p.idleFor = false
	}
	return idle
}

// ready says why no revision was handed over yet, and nil when one was.
func (p *poll) ready() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.offered {
		return nil
	}
	return fmt.Errorf("the repository has not been read yet: %w", cmp.Or(p.err, errors.New("the first look is not over")))
}

func (p *poll) failed() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.failures
}

// lastError is the error of the last look, nil when it went well.
func (p *poll) lastError() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.err
}
