package reconciler

import (
	"strings"
	"testing"

	"tandem/reconciler/deploy"
)

// builtYAML is a tandem.yaml that leaves the tag to the commit.
func builtYAML(comment string) string {
	return strings.Replace(yamlOf("x", deploy.Auto), "tag: \"x\"\n", "build: true # "+comment+"\n", 1)
}

// TestRunner_TheSameFilesKeepTheTagOfTheirFirstCommit leaves the tag to the commit.
func TestRunner_TheSameFilesKeepTheTagOfTheirFirstCommit(t *testing.T) {
	bubble(t, func(t *testing.T, w *stage) {
		p := w.start()
		p.is(t, p.deploy("c1", builtYAML("one")), "Live/UpToDate, live c1 in green; history c1:Promoted")
		// Another directory of the repository was changed.
		w.did()
		p.is(t, p.deploy("c2", builtYAML("one")), "Live/UpToDate, live c1 in green; history c1:Promoted")
		w.wantDid(t, ": ")
		p.is(t, p.deploy("c3", builtYAML("two")), "Live/UpToDate, live c3 in blue, standby c1 warm; history c3:Promoted c1:Promoted")
		// A commit that takes c3 back goes back to what c1 was.
		p.is(t, p.deploy("c4", builtYAML("one")), "Live/UpToDate, live c1 in green, standby c3 warm; history c1:Reverted c3:Promoted c1:Promoted")
		// An agent that lost its memory, and finds another commit with the same files.
		w.change(func() { w.saved = deploy.Memory{} })
		p = w.start()
		w.did()
		s := p.deploy("c5", builtYAML("one"))
		if live := w.stackOf(w.live); live.Release.Tag != "c1" || s.Desired.Tag != "c1" {
			t.Errorf("%s is live and %s desired, want c1", live.Release, s.Desired.Tag)
		}
	})
}

// TestRunner_AStackIsHealedWithTheTagOfItsCommit loses a live stack whose release is not the
// desired one: its own tandem.yaml does not say the tag.
func TestRunner_AStackIsHealedWithTheTagOfItsCommit(t *testing.T) {
	bubble(t, func(t *testing.T, w *stage) {
		p := w.start()
		p.deploy("c1", builtYAML("one"))
		p.Pause()
		p.deploy("c2", builtYAML("two"))
		w.change(func() { w.lie(w.live, "exited") })
		p.is(t, p.Once(p.ctx), "Paused/Paused, live c1 in green; history c1:Promoted")
		if got := w.stacks[w.live].app; got.Tag != "c1" || got.Release.Tag != "c1" {
			t.Errorf("it was healed as %s of %s", got.Tag, got.Release)
		}
	})
}
