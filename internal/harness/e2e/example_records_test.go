package e2e

import (
	"fmt"
	"strings"
	"testing"

	"tandem/internal/harness/stage"
	"tandem/internal/harness/testbed/tb"
	"tandem/reconciler/deploy"
)

// The tests of singletons rely on being told of two schedulers at once. Here there
// are two, because tandem.yaml does not call the scheduler a singleton.
func TestRecords_TellOfTwoSchedulersAtOnce(t *testing.T) {
	t.Parallel()
	w := storeStage(t, stage.Options{Scheduler: true, Migrations: true})
	w.start()
	w.deployed()
	w.recorded(stage.Schedule, "start", "blue", "1.0.0")
	if lines := w.records(stage.Schedule); len(lines) != 1 {
		t.Fatalf("recorded while one ran: %q", lines)
	}
	w.build("1.1.0")
	w.live(w.push(stage.Desired{Tag: "1.1.0"}), "1.1.0", deploy.Green)
	w.recorded(stage.Schedule, "OVERLAP", "green", "1.1.0")
	// Nobody asked for the migrations, which are in a profile.
	if lines := w.records(stage.Migrations); len(lines) != 0 {
		t.Errorf("migrations ran: %q", lines)
	}
}

// records reads what was recorded under the name.
func (w *world) records(name string) []string {
	w.t.Helper()
	lines, err := w.Records(w.t.Context(), name)
	check(w.t, err)
	return lines
}

// recorded waits for a line with the words.
func (w *world) recorded(name string, words ...string) {
	w.t.Helper()
	tb.Until(w.t, patience, strings.Join(words, " ")+" in "+name, func() error {
		lines := w.records(name)
		for _, line := range lines {
			if containsAll(line, words) {
				return nil
			}
		}
		return fmt.Errorf("recorded: %q", lines)
	})
}

func containsAll(line string, words []string) bool {
	for _, word := range words {
		if !strings.Contains(" "+line+" ", " "+word+" ") {
			return false
		}
	}
	return true
}
