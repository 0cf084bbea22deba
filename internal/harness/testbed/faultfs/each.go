package faultfs

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"tandem/internal/lib/atomicfile"
)

// Each tells the story again and again, each time with one fault more to the end: the
// number of the change is counted up until there is none with it any more, for each
// fault. With -short it takes every few-th change, in one way and not in all three. It
// logs how many changes and cases there were, and fails where fewer than least changes
// were disturbed: the story has lost its changes then. No other test may change files
// at the same time.
func Each(t *testing.T, few, least int, story func(t *testing.T, d *Disk)) {
	t.Helper()
	names := map[string]bool{}
	points, cases := 0, 0
	faults := []Fault{Full, CrashBefore, CrashAfter}
	for i, what := range faults {
		first, step := 0, 1
		if testing.Short() {
			first, step = few*i, few*len(faults)
		}
		for n, fired := first, true; fired && !t.Failed(); n += step {
			d := &Disk{n: n, what: what}
			t.Run(fmt.Sprintf("change %d %s", n, what), func(t *testing.T) { disturbed(t, d, story) })
			if fired = d.fired; fired {
				points, cases = max(points, n+1), cases+1
			}
			for _, p := range d.points {
				names[p] = true
			}
		}
	}
	t.Logf("%d changes of %d files in %d cases: %s", points, len(names), cases, strings.Join(slices.Sorted(maps.Keys(names)), ", "))
	if points < least && !t.Failed() {
		t.Errorf("only %d changes were disturbed, want at least %d", points, least)
	}
}

// disturbed tells the story once, on that disk.
func disturbed(t *testing.T, d *Disk, story func(t *testing.T, d *Disk)) {
	t.Helper()
	before := atomicfile.Interrupt(d.Interrupt)
	defer func() { atomicfile.Interrupt(before) }()
	story(t, d)
}
