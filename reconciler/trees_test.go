package reconciler

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tandem/reconciler/deploy"
)

// spoil changes the exported files that the stack of a color came from.
func (w *stage) spoil(c deploy.Color) {
	w.t.Helper()
	if err := os.WriteFile(filepath.Join(w.stacks[c].app.Root, "spoiled"), nil, 0o600); err != nil {
		w.t.Fatal(err)
	}
}

func TestRunner_ChangedFilesAreNoNewRelease(t *testing.T) {
	bubble(t, func(t *testing.T, w *stage) {
		p := w.start()
		p.deploy("c1", yamlOf("1", deploy.Green))
		w.spoil(deploy.Green)
		w.did()
		for range 2 { // also where they were exported anew already
			p = w.start()
			p.is(t, p.deploy("c1", yamlOf("1", deploy.Green)), "Live/UpToDate, live 1 in green; history 1:Promoted")
			w.wantDid(t, ": ")
		}
		w.change(func() { w.lie(deploy.Green, "exited") })
		p.is(t, p.Once(p.ctx), "Live/UpToDate, live 1 in green; history 1:Promoted")
		w.wantDid(t, "Healing: up green 1; gate green 1")
	})
}

// TestRunner_ChangedFilesKeepNothingFromBeingHealed loses the live stack, while its release
// is the desired one, and while it is not.
func TestRunner_ChangedFilesKeepNothingFromBeingHealed(t *testing.T) {
	for name, paused := range map[string]bool{"desired": false, "another is desired": true} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, w *stage) {
				p := w.start()
				p.deploy("c1", yamlOf("1", deploy.Green))
				want := "Live/UpToDate, live 1 in green; history 1:Promoted"
				if paused {
					p.Pause()
					want = "Paused/Paused, live 1 in green; history 1:Promoted"
					p.is(t, p.deploy("c2", yamlOf("2", deploy.Blue)), want)
				}
				w.spoil(deploy.Green)
				w.did()
				w.change(func() { w.lie(deploy.Green, "exited") })
				if s := p.Once(p.ctx); !strings.Contains(s.Message, "were changed there") {
					t.Errorf("message %q, want it to say what is wrong", s.Message)
				}
				p.is(t, p.Once(p.ctx), want)
				w.wantDid(t, "Healing: up green 1; gate green 1")
				if root := w.stackOf(deploy.Green).Root; !strings.HasSuffix(root, remadeSuffix) || !p.Roots()[root] {
					t.Errorf("it was healed from %s, want the files that were exported anew, and %v to keep them", root, p.Roots())
				}
			})
		})
	}
}

func TestRunner_ChangedFilesKeepNoSingletonFromBeingStarted(t *testing.T) {
	bubble(t, func(t *testing.T, w *stage) {
		p := w.start()
		p.deploy("c1", yamlOf("1", deploy.Green, "singletons: [cron]"))
		w.spoil(deploy.Green)
		w.change(func() { w.stacks[deploy.Green].singletonsRun = false })
		p.Once(p.ctx)
		if s := p.Once(p.ctx); !w.stacks[deploy.Green].singletonsRun {
			t.Errorf("the singleton does not run: %s, %s", summary(s), s.Message)
		}
		p.honest()
	})
}
