package deploy

import (
	"fmt"
	"slices"
)

// Barrier is the release whose contract migration took away what the releases
// before it need. It stands from the moment the migration is begun, because one
// that was cut short may have taken away half.
type Barrier struct {
	Release Release   `json:"release"`
	Commit  string    `json:"commit"`
	Below   []Release `json:"below"` // the releases known at that time, which are refused from then on
}

// Raise makes r the barrier: whatever else was ever promoted or has a stack is below it.
func (m *Memory) Raise(r Release, commit string, stacks ...Release) {
	f := &Barrier{Release: r, Commit: commit}
	var old []Release
	if m.Barrier != nil {
		old = m.Barrier.Below
	}
	for _, x := range slices.Concat(old, m.Promoted, stacks) {
		if x != r && !x.IsZero() && !slices.Contains(f.Below, x) {
			f.Below = append(f.Below, x)
		}
	}
	f.Below = f.Below[max(0, len(f.Below)-belowLimit):]
	m.Barrier = f
}

// belowLimit bounds the memory file. Who returns to a release that is older than
// this many has restored more than an image.
const belowLimit = 500

// blocks tells whether r is from before the barrier. A tag that was only ever seen
// before it counts too: the same image with another environment needs the same
// columns.
func (f *Barrier) blocks(r Release) bool {
	return f != nil && !r.IsZero() && r != f.Release && slices.ContainsFunc(f.Below, func(x Release) bool {
		return x == r || x.Tag == r.Tag && r.Tag != f.Release.Tag
	})
}

func (f *Barrier) wayOut() string {
	return fmt.Sprintf("it is from before the contract migration of %s (commit %s), which took away what it needs; "+
		"go forward: push a tag that works with the database as it is now. After the database was restored by hand, "+
		"give the old image a new tag and push that", f.Release.Tag, Commit{Hash: f.Commit}.Short())
}

func (f *Barrier) clone() *Barrier {
	if f == nil {
		return nil
	}
	c := *f
	c.Below = slices.Clone(f.Below)
	return &c
}
