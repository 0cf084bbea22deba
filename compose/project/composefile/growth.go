package composefile

import (
	"fmt"
	"maps"
	"slices"

	"github.com/compose-spec/compose-go/v2/loader"
	"github.com/compose-spec/compose-go/v2/template"
)

// growth is what becomes of the files of one Compose file when the loader puts them
// together: it copies what is included once an include, what is extended once a
// service that extends it, and follows each way from a service to those that it
// needs. All of it is counted from what is written, before the loader begins.
type growth struct {
	roots    []string // keys of the files that the app names
	parts    map[string]*part
	services int // of all parts
	led      int // how often one file led to another

	references map[string]references // by file
	sources    map[string]*source
}

// part is one file at one place: what it includes and extends depends on where.
type part struct {
	references

	src      *source
	includes []string          // keys
	bases    map[string]string // service -> key of the file that it extends a service of
}

func newGrowth() *growth {
	return &growth{parts: map[string]*part{}, references: map[string]references{}, sources: map[string]*source{}}
}

// maxWays bounds in how many ways services lead to those that they need. The loader
// walks each of them, and twenty services that all need each other have a million.
const maxWays = 20_000

// checkGrowth adds faults for what grows too large, and notes how often each port will be
// there.
func (w *referenceWalk) checkGrowth() {
	total := int64(0)
	for _, key := range w.roots {
		if total += w.whole(key, map[string]int64{}); total > maxUnfolded {
			w.refuse(w.parts[key].src, w.largest(key), "include and extends make more than %d MiB of it: write it with fewer of them", maxUnfolded>>20)
			return
		}
	}
	extends, needs := w.edges()
	if name, ok := tooManyWays(needs); ok {
		w.refuse(w.owner(name), inService(name, "depends_on"), "the services need each other in more than %d ways: leave out what follows from the rest", maxWays)
	}
	for _, p := range w.parts {
		for _, name := range slices.Sorted(maps.Keys(p.services)) {
			times := countExtending(extends, name)
			for _, port := range p.services[name].ports {
				w.quota.ports[port] = w.quota.ports[port].and(name, times)
			}
		}
	}
}

// whole is what a file costs with all that it leads to.
func (w *referenceWalk) whole(key string, known map[string]int64) int64 {
	if n, ok := known[key]; ok {
		return n
	}
	known[key] = 0 // a circle is the loader's to refuse
	p := w.parts[key]
	total := p.size
	for _, name := range slices.Sorted(maps.Keys(p.services)) {
		total = expanded(total, w.inherited(key, name, map[string]bool{}))
	}
	for _, next := range p.includes {
		// Each has the variables of its parent, too.
		total = expanded(total, w.whole(next, known)+w.quota.variables)
	}
	known[key] = total
	return total
}

// inherited is what a service costs beside its own text: what it extends, and the
// whole file which has that.
func (w *referenceWalk) inherited(key, name string, way map[string]bool) int64 {
	p := w.parts[key]
	d := p.services[name]
	if d == nil || d.extends == "" || way[key+"\x00"+name] {
		return 0
	}
	way[key+"\x00"+name] = true
	if base, ok := p.bases[name]; ok {
		return expanded(w.parts[base].size, w.inherited(base, d.extends, way))
	}
	if base := p.services[d.extends]; base != nil {
		return expanded(base.size, w.inherited(key, d.extends, way))
	}
	largest := int64(0) // it is in a file that is included or overridden
	for _, other := range w.parts {
		if base := other.services[d.extends]; base != nil {
			largest = max(largest, base.size)
		}
	}
	return largest
}

// expanded adds, without ever being more than is needed to be too large.
func expanded(a, b int64) int64 { return min(a+b, maxUnfolded+1) }

// largest is where to begin: the service that costs most, or the includes.
func (w *referenceWalk) largest(key string) []string {
	where, most := []string{"include"}, int64(0)
	p := w.parts[key]
	for _, name := range slices.Sorted(maps.Keys(p.services)) {
		if n := w.inherited(key, name, map[string]bool{}); n > most {
			where, most = inService(name, "extends"), n
		}
	}
	included := int64(0)
	for _, next := range p.includes {
		included = expanded(included, w.whole(next, map[string]int64{}))
	}
	if included > most {
		return []string{"include"}
	}
	return where
}

// edges are the names of the services that each extends, and needs, whichever file
// says so.
func (w *referenceWalk) edges() (extends, needs map[string][]string) {
	extends, needs = map[string][]string{}, map[string][]string{}
	for _, p := range w.parts {
		for name, d := range p.services {
			needs[name] = append(needs[name], d.needs...)
			if d.extends != "" && d.extends != name {
				extends[name] = append(extends[name], d.extends)
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(needs)) {
		for _, base := range above(extends, name) {
			needs[name] = append(needs[name], needs[base]...)
		}
		slices.Sort(needs[name])
		needs[name] = slices.Compact(needs[name])
	}
	return extends, needs
}

// above are all services that one extends, directly or not.
func above(extends map[string][]string, name string) []string {
	seen, next := map[string]bool{}, []string{name}
	for len(next) > 0 {
		name, next = next[0], next[1:]
		for _, base := range extends[name] {
			if !seen[base] {
				seen[base] = true
				next = append(next, base)
			}
		}
	}
	return slices.Collect(maps.Keys(seen))
}

// countExtending is how many services have what the named one has, itself included.
func countExtending(extends map[string][]string, name string) int {
	n := 1
	for other := range extends {
		if other != name && slices.Contains(above(extends, other), name) {
			n++
		}
	}
	return n
}

// tooManyWays names the service at which there are too many.
func tooManyWays(needs map[string][]string) (string, bool) {
	known := map[string]int{}
	var ways func(name string) int
	ways = func(name string) int {
		if n, ok := known[name]; ok {
			return n
		}
		known[name] = 0 // a circle is the loader's to refuse
		n := 1
		for _, next := range needs[name] {
			n = min(n+ways(next), maxWays+1)
		}
		known[name] = n
		return n
	}
	total := 0
	for _, name := range slices.Sorted(maps.Keys(needs)) {
		if total += ways(name); total > maxWays {
			return name, true
		}
	}
	return "", false
}

// owner is a file that has the service.
func (w *referenceWalk) owner(name string) *source {
	for _, key := range slices.Sorted(maps.Keys(w.parts)) {
		if w.parts[key].services[name] != nil {
			return w.parts[key].src
		}
	}
	return w.source[0]
}

// portText is a port as it is written in a file.
type portText struct {
	service string // the first that has it, in the order of their names
	times   int    // how many services may get it at most: those that extend one which has it
	many    int    // what it made in all, as far as it was put in
}

func (t portText) and(service string, times int) portText {
	if t.service == "" || service < t.service {
		t.service = service
	}
	t.times = max(t.times, times)
	return t
}

// portFault says that the loader was kept from making too many ports: for the text
// that stands for most, because the loader reads them in any order.
func (f *File) portFault() error {
	total, worst := 0, portText{}
	for _, text := range slices.Sorted(maps.Keys(f.quota.ports)) {
		t := f.quota.ports[text]
		if total += t.many; t.many > worst.many {
			worst = t
		}
	}
	if total <= MaxPorts {
		return nil
	}
	return f.loadFault(fmt.Errorf("error while interpolating services.%s.ports.[]: more than %d ports: publish those that are needed", worst.service, MaxPorts))
}

// bounded makes the loader stop when variables make too much of the file, and lets it
// make one port of a range where there would be too many: it makes a port of each
// before anybody can count them, for every service that extends the one which has
// them.
func (f *File) bounded(o *loader.Options) {
	left, ports := maxUnfolded, MaxPorts
	for text, t := range f.quota.ports {
		t.many = 0
		f.quota.ports[text] = t
	}
	o.Interpolate.Substitute = func(text string, value template.Mapping) (string, error) {
		if left < 0 {
			return "", nil // told already; the loader goes on to the end
		}
		left -= len(text)
		value = f.noteGaps(text, value)
		out, err := template.Substitute(text, func(name string) (string, bool) {
			v, ok := value(name)
			if left -= perByte * len(v); left < 0 {
				return "", ok
			}
			return v, ok
		})
		if left < 0 {
			return "", errUnfolded
		}
		if t, ok := f.quota.ports[text]; ok {
			n := CountPorts(out) * t.times
			t.many += n
			f.quota.ports[text] = t
			if ports -= n; ports < 0 {
				return "1", err
			}
		}
		return out, err
	}
}
