package agent

import (
	"bytes"
	"errors"
	"log/slog"
	"strings"
	"testing"

	"tandem/reconciler/deploy"
)

// A commit that is withheld is offered with why, and said once.
func TestPoll_SaysOnceThatACommitIsWithheldAndThatItIsOver(t *testing.T) {
	var log bytes.Buffer
	why := &deploy.TemporaryError{Reason: deploy.Unverified, Err: errors.New("commit c2 is not signed")}
	git := &remote{away: why}
	p := newPoll(git, nil, slog.New(slog.NewTextHandler(&log, nil)))
	offers := 0
	p.offer, p.after = func(deploy.Revision) { offers++ }, func() {}
	look := func(rev deploy.Revision, err error) {
		t.Helper()
		git.revision, git.away = rev, err
		p.fetch(t.Context())
		p.fetch(t.Context())
	}
	c1 := deploy.Commit{Hash: "c1"}
	look(deploy.Revision{}, why) // nothing was ever verified
	if !p.withholds() || p.lastError() == nil || offers != 0 {
		t.Errorf("withholds %v, error %v, %d offers", p.withholds(), p.lastError(), offers)
	}
	look(deploy.Revision{Commit: c1}, nil)
	if p.withholds() || offers != 1 {
		t.Errorf("withholds %v, %d offers", p.withholds(), offers)
	}
	look(deploy.Revision{Commit: c1, Withheld: why}, nil)
	if !p.withholds() || p.lastError() != nil || offers != 2 {
		t.Errorf("withholds %v, error %v, %d offers", p.withholds(), p.lastError(), offers)
	}
	look(deploy.Revision{Commit: deploy.Commit{Hash: "c3"}}, nil)
	if p.withholds() || offers != 3 {
		t.Errorf("withholds %v, %d offers", p.withholds(), offers)
	}
	for words, times := range map[string]int{
		`"repository not read; what is live stays live" reason=Unverified`: 1,
		`"the newest commit is not deployed" reason=Unverified`:            1,
		`"no commit is withheld any more"`:                                 1,
	} {
		if got := strings.Count(log.String(), words); got != times {
			t.Errorf("%s is said %d times, want %d:\n%s", words, got, times, log.String())
		}
	}
}
