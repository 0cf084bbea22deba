package reconciler

import (
	"errors"
	"slices"
	"testing"

	"tandem/reconciler/deploy"
)

func TestRunner_PreviewExecutesNothing(t *testing.T) {
	bubble(t, func(t *testing.T, w *stage) {
		p := w.start()
		p.deploy("c1", yamlOf("1", deploy.Green))
		began := len(w.calls)
		look := w.start()
		look.Offer(look.push("c2", yamlOf("2", deploy.Blue)))
		v, err := look.Preview(look.ctx)
		if err != nil {
			t.Fatal(err)
		}
		if got, want := stepWords(v.Steps), "up blue 2; gate blue 2; flip blue 2; confirm blue 2; watch blue 2"; got != want || v.Reason != deploy.NewRelease {
			t.Errorf("got %s: %s, want %s", v.Reason, got, want)
		}
		if v.Status.Phase != deploy.PhaseDeploying {
			t.Errorf("phase %s", v.Status.Phase)
		}
		for _, name := range w.calls[began:] {
			if slices.Contains([]string{"stacks.up", "stacks.stop", "router.flip", "router.confirm"}, name) {
				t.Errorf("a preview called %s", name)
			}
		}
	})
}

// What the agent has proven is not to be proven again for a look beside it.
func TestRunner_APreviewBesideABackupHasNothingToDo(t *testing.T) {
	bubble(t, func(t *testing.T, w *stage) {
		p := w.start()
		p.deploy("c1", yamlOf("1", deploy.Green))
		p.is(t, p.deploy("c2", yamlOf("2", deploy.Blue)), "Live/UpToDate, live 2 in blue, standby 1 warm; history 2:Promoted 1:Promoted")
		look := w.start()
		look.Offer(look.push("c2", yamlOf("2", deploy.Blue)))
		v, err := look.Preview(look.ctx)
		if !w.backupOn || len(v.Steps) > 0 || v.Reason != deploy.UpToDate || err != nil {
			t.Errorf("backup %t, got %s: %s, %v", w.backupOn, v.Reason, stepWords(v.Steps), err)
		}
	})
}

// A preview may run beside the agent, with a state directory that can only be read.
func TestRunner_APreviewChangesNothing(t *testing.T) {
	for _, drifted := range []bool{false, true} {
		bubble(t, func(t *testing.T, w *stage) {
			p := w.start()
			p.deploy("c1", yamlOf("1", deploy.Green))
			if drifted {
				w.change(func() { w.repaired = []string{"shop.conf"} })
			}
			look := w.start()
			w.disturb = func(_ int, name string) trouble {
				if slices.Contains(writes, name) {
					t.Errorf("a preview called %s", name)
					return failBefore
				}
				return none
			}
			look.Offer(look.push("c1", yamlOf("1", deploy.Green)))
			v, err := look.Preview(look.ctx)
			want := map[bool]string{true: "Rendering: render", false: "UpToDate: "}[drifted]
			if got := string(v.Reason) + ": " + stepWords(v.Steps); got != want || err != nil || v.Status.Phase != deploy.PhaseLive {
				t.Errorf("got %s, %v, want %s", got, err, want)
			}
		})
	}
}

// writes are the ports' methods that change something.
var writes = []string{
	"stacks.up", "stacks.stop", "router.prepare", "router.reserve", "router.loadsite", "router.flip", "backup.set",
	"singletons.start", "singletons.stop", "migrator.migrate", "migrator.forget", "pruner.remove", "pruner.networks",
	"reverter.revert",
}

func TestRunner_PreviewOfAnAppThatCannotBeObservedIsAnError(t *testing.T) {
	bubble(t, func(t *testing.T, w *stage) {
		p := w.start()
		w.disturb = func(_ int, name string) trouble { return map[string]trouble{"router.live": failBefore}[name] }
		p.Offer(p.push("c1", yamlOf("1", deploy.Green)))
		if v, err := p.Preview(p.ctx); !errors.Is(err, errInjected) || stepWords(v.Steps) != "render" {
			t.Errorf("got %v, %v", v, err)
		}
	})
}
