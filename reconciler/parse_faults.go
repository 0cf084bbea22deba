package reconciler

import (
	"cmp"
	"fmt"
	"slices"
)

// maxFaults bounds what one file can make tandem print and publish.
const maxFaults = 50

// Ordered returns the faults of one file by line. Of very many it keeps the
// first, and says how many are left out.
func (f Faults) Ordered() Faults {
	out := slices.Clone(f)
	slices.SortStableFunc(out, func(a, b Fault) int { return cmp.Compare(a.Line, b.Line) })
	if left := len(out) - maxFaults; left > 0 {
		out = append(out[:maxFaults], Fault{File: out[0].File, Text: fmt.Sprintf("… and %d more", left)})
	}
	return out
}
