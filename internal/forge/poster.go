package forge

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"sync"
	"time"

	"tandem/internal/lib/httpclient"
	"tandem/internal/lib/pause"
	"tandem/reconciler/deploy"
)

// Options says where statuses are posted to.
type Options struct {
	Kind      string // GitHub, GitLab or Gitea
	API       string // the base of its API; empty: made out from Repo
	Repo      string // the URL that Git uses
	TokenFile string // read anew for each post; must be closed to others
	Context   string // what all statuses of this host begin with; default "tandem"
	Host      string // this host's name
	// HTTPClient is asked; nil is one that follows no redirect, so that the token
	// goes nowhere else.
	HTTPClient *http.Client
	Log        *slog.Logger // default slog.Default()
}

// Poster posts the phases of apps as commit statuses.
type Poster struct {
	site   site
	token  string // the path of its file
	prefix string
	client *http.Client
	log    *slog.Logger
	wake   chan struct{} // of size one

	mu         sync.Mutex
	phases     map[string]heard // by app
	waiting    map[string]post  // by app
	lastPosted string           // the last failure that was logged
}

// heard is what was heard last of an app.
type heard struct {
	commit string
	phase  deploy.Phase
}

// New contacts nobody. The error says what of the options is wrong.
func New(o Options) (*Poster, error) {
	s, err := newSite(o.Kind, o.API, o.Repo)
	if err != nil {
		return nil, fmt.Errorf("set up commit statuses: %w", err)
	}
	if o.Context == "" {
		o.Context = "tandem"
	}
	if o.Log == nil {
		o.Log = slog.Default()
	}
	if o.HTTPClient == nil {
		o.HTTPClient = httpclient.NoRedirects()
	}
	return &Poster{
		site: s, token: o.TokenFile, prefix: o.Context + "/" + o.Host + "/", client: o.HTTPClient, log: o.Log,
		wake: make(chan struct{}, 1), phases: map[string]heard{}, waiting: map[string]post{},
	}, nil
}

// Handle takes an event; it never blocks. A status of the commit and the phase that
// the app had already is not news.
func (p *Poster) Handle(e deploy.Event) {
	if e.Kind != deploy.StatusChanged || e.Status == nil || e.Status.Desired.Commit == "" {
		return
	}
	p.mu.Lock()
	now := heard{e.Status.Desired.Commit, e.Status.Phase}
	changed := p.phases[e.App] != now
	if changed {
		p.phases[e.App] = now
		p.waiting[e.App] = post{
			commit: e.Status.Desired.Commit, context: p.prefix + e.App, phase: e.Status.Phase, description: describe(*e.Status),
		}
	}
	p.mu.Unlock()
	if !changed {
		return
	}
	select {
	case p.wake <- struct{}{}:
	default:
	}
}

// Forget drops what is known of an app that left the repository. It never blocks.
func (p *Poster) Forget(app string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.phases, app)
	delete(p.waiting, app)
}

// postTime bounds one try, postPause is the longest pause between two.
const (
	postTime  = 20 * time.Second
	postPause = 5 * time.Minute
)

// Run posts until ctx ends. What is still waiting then is dropped: the status
// branch has it.
func (p *Poster) Run(ctx context.Context) {
	pauses := pause.NewGrowing(time.Second, postPause)
	for {
		var again <-chan time.Time
		if p.flush(ctx) {
			pauses.Reset()
		} else {
			again = pauses.Next()
		}
		select {
		case <-ctx.Done():
			return
		case <-p.wake:
		case <-again:
		}
	}
}

// flush tries each that is waiting once, and returns false when one is to be
// tried again.
func (p *Poster) flush(ctx context.Context) bool {
	p.mu.Lock()
	batch := maps.Clone(p.waiting)
	p.mu.Unlock()
	all := true
	for _, app := range slices.Sorted(maps.Keys(batch)) {
		err := p.post(ctx, batch[app])
		if ctx.Err() != nil {
			return true // nobody tries again
		}
		again := errors.Is(err, errAgain)
		p.report(app, err, again)
		if again {
			all = false
			continue
		}
		p.mu.Lock()
		if p.waiting[app] == batch[app] { // else a newer one has come
			delete(p.waiting, app)
		}
		p.mu.Unlock()
	}
	return all
}

// report logs a failure once, until its text changes or a status gets through.
func (p *Poster) report(app string, err error, again bool) {
	text := ""
	if err != nil {
		text = err.Error()
	}
	if text == p.lastPosted {
		return
	}
	p.lastPosted = text
	switch {
	case again:
		p.log.Warn("commit status not posted; it will be tried again", "app", app, "err", err)
	case err != nil:
		p.log.Warn("commit status not posted", "app", app, "err", err)
	default:
		p.log.Info("commit statuses are posted again", "app", app)
	}
}
