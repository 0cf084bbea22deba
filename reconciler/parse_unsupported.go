package reconciler

import (
	"slices"
	"strings"

	"tandem/internal/strictyaml"
)

// This file is the only one that knows what this version cannot do yet. When it
// can, the row goes away: the keys are read and checked already.

// feature is a part of the format.
type feature struct {
	keys  []string // the way to it, from the root
	value string   // only this value of it; empty: all
	text  string   // what a person is told
}

const notYet = "not supported by this version of tandem; "

// unsupported lists what would do something else than it says if it were
// ignored, and is therefore refused.
func unsupported() []feature {
	return []feature{
		{keys: []string{"secrets"}, text: notYet + "remove it, and give the containers their secrets in another way"},
	}
}

// refuse reports each unsupported feature that the file uses, once: what else is
// wrong with it does not matter to somebody who has to remove it.
func (l *faultList) refuse(root strictyaml.Node, features []feature) {
	for _, f := range features {
		n := root
		for _, key := range f.keys {
			n = n.Get(key)
		}
		if n.Empty() || (f.value != "" && n.Written() != f.value) {
			continue
		}
		l.faults = slices.DeleteFunc(l.faults, func(x Fault) bool {
			rest, below := strings.CutPrefix(x.Path, n.Path)
			return below && (rest == "" || rest[0] == '.' || rest[0] == '[')
		})
		l.add(n.Line, n.Path, f.text)
	}
}
