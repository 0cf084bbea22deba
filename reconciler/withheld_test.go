package reconciler

import (
	"errors"
	"strings"
	"testing"

	"tandem/reconciler/deploy"
)

// A newer commit that is not verified is told with the last one that was, whose
// release is looked after as ever.
func TestRunner_AWithheldCommitIsToldAndWhatIsInForceGoesOn(t *testing.T) {
	bubble(t, func(t *testing.T, w *stage) {
		why := &deploy.TemporaryError{Reason: deploy.Unverified, Err: errors.New("commit c2 by Eve changes nothing: it is not signed")}
		p := w.start()
		first := p.push("c1", yamlOf("1", deploy.Green))
		first.Withheld = why
		p.Offer(first)
		p.is(t, p.Once(p.ctx), "Degraded/Unverified, live 1 in green; history 1:Promoted")
		if got := p.Status().Message; got != why.Error() {
			t.Errorf("message %q", got)
		}
		w.lie(deploy.Green, "exited")
		p.is(t, p.Once(p.ctx), "Degraded/Unverified, live 1 in green; history 1:Promoted")
		if !strings.Contains(p.Status().Message, "exited") || !strings.HasPrefix(p.Status().Message, why.Error()) {
			t.Errorf("message %q, want why, and that the live stack was mended", p.Status().Message)
		}
		first.Withheld = nil
		p.Offer(first)
		p.is(t, p.Once(p.ctx), "Live/UpToDate, live 1 in green; history 1:Promoted")
	})
}

// The commit that was to mend a held release must not look as if it had arrived.
func TestRunner_AWithheldCommitIsToldBeforeWhatIsHeld(t *testing.T) {
	bubble(t, func(t *testing.T, w *stage) {
		p := w.start()
		p.deploy("c1", yamlOf("1", deploy.Green))
		w.fates["2"] = bearing{sick: true}
		bad := p.push("c2", yamlOf("2", deploy.Blue))
		bad.Withheld = &deploy.TemporaryError{Reason: deploy.Unverified, Err: errors.New("commit c3 is not signed")}
		p.Offer(bad)
		p.is(t, p.Once(p.ctx), "Degraded/Unverified, live 1 in green, standby 2 stopped; history 2:Rejected 1:Promoted")
		if got := p.Status().Message; !strings.HasPrefix(got, "commit c3 is not signed\nrelease 2: Unhealthy: ") {
			t.Errorf("message %q", got)
		}
	})
}
