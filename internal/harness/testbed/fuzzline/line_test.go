package fuzzline

import (
	"bytes"
	"strings"
	"testing"
)

// witness notes what a line has to say.
type witness struct {
	testing.TB

	said int
}

func (w *witness) Errorf(string, ...any) { w.said++ }

// TestHold_FailsAboveTheLine asks for as much as is allowed, and for more.
func TestHold_FailsAboveTheLine(t *testing.T) {
	l := Line{Base: 8 << 20, PerKiB: 4 << 20}
	for name, c := range map[string]struct {
		size, asked int // bytes of input, MiB
		want        int
	}{
		"a little":               {10, 1, 0},
		"more than the base":     {10, 10, 1},
		"more, for a kilobyte":   {1 << 10, 10, 1},
		"allowed for two":        {2 << 10, 10, 0},
		"allowed for ten":        {10 << 10, 40, 0},
		"more than ten may have": {10 << 10, 60, 1},
	} {
		t.Run(name, func(t *testing.T) {
			w := &witness{TB: t}
			var kept string
			l.Hold(w, c.size, func() { kept = string(bytes.Repeat([]byte("x"), c.asked<<19)) }) // and the copy
			if w.said != c.want {
				t.Errorf("%d faults, want %d", w.said, c.want)
			}
			if strings.Trim(kept, "x") != "" {
				t.Error("not kept")
			}
		})
	}
}
