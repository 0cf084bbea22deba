package composefile

import (
	"bytes"
	"maps"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"
)

// variableText is a text of a Compose file that names variables, and where it stands. What
// stands behind an alias is there once for each service that has it.
type variableText struct {
	text string
	file string // as a person knows it
	part string // key of the file: see growth
	line int
	path []string
}

// mentions are those of all files that the loader reads: the app's, and what they include
// and extend.
func (f *File) mentions() []variableText {
	if f.mentioned == nil && f.growth != nil {
		f.mentioned = []variableText{}
		for _, key := range slices.Sorted(maps.Keys(f.growth.parts)) {
			full, _, _ := strings.Cut(key, "\x00")
			f.mentioned = append(f.mentioned, mentionsIn(f.quota.seen[full], key, f.growth.parts[key].src.name)...)
		}
	}
	return f.mentioned
}

// mentionsIn reads a file with the loader's own YAML library.
func mentionsIn(data []byte, part, name string) []variableText {
	w := &mentionWalk{part: part, file: name, lines: strings.Split(string(data), "\n")}
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	for {
		var doc yaml.Node
		if err := decoder.Decode(&doc); err != nil {
			return w.found // it ends there; what is wrong with it the loader says
		}
		for key, section := range entries(&doc) {
			if !slices.Contains([]string{"services", "networks", "volumes", "configs", "secrets"}, key) {
				continue
			}
			for name, item := range entries(section) {
				w.seen = map[*yaml.Node]bool{}
				w.walk(item, []string{key, name})
			}
		}
	}
}

// entries are those of a mapping, with what is merged into it.
func entries(n *yaml.Node) map[string]*yaml.Node {
	all := map[string]*yaml.Node{}
	gather(n, all, 0)
	return all
}

func gather(n *yaml.Node, to map[string]*yaml.Node, depth int) {
	if n = real(n); n == nil || depth > maxDepth {
		return
	}
	if n.Kind == yaml.SequenceNode { // of a merge
		for _, x := range n.Content {
			gather(x, to, depth+1)
		}
		return
	}
	var merged []*yaml.Node
	for i := 0; i+1 < len(n.Content) && n.Kind == yaml.MappingNode; i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		if key.Value == "<<" && key.Tag == "!!merge" || key.ShortTag() == "!!merge" {
			merged = append(merged, value)
			continue
		}
		if _, own := to[key.Value]; !own {
			to[key.Value] = value
		}
	}
	for _, m := range merged {
		gather(m, to, depth+1)
	}
}

// real is what is behind a document or an alias.
func real(n *yaml.Node) *yaml.Node {
	for range maxDepth {
		switch {
		case n == nil:
			return nil
		case n.Kind == yaml.DocumentNode && len(n.Content) > 0:
			n = n.Content[0]
		case n.Kind == yaml.AliasNode:
			n = n.Alias
		default:
			return n
		}
	}
	return nil
}

type mentionWalk struct {
	part, file string
	lines      []string
	seen       map[*yaml.Node]bool // in this service: aliases could lead to one in many ways
	found      []variableText
}

func (w *mentionWalk) walk(n *yaml.Node, path []string) {
	if n = real(n); n == nil || len(path) > maxDepth {
		return
	}
	switch n.Kind {
	case yaml.ScalarNode:
		w.scalar(n, path)
	case yaml.SequenceNode:
		if !w.seen[n] {
			w.seen[n] = true
			for _, x := range n.Content {
				w.walk(x, path)
			}
		}
	case yaml.MappingNode:
		if w.seen[n] {
			return
		}
		w.seen[n] = true
		all := entries(n)
		for _, key := range slices.Sorted(maps.Keys(all)) {
			w.walk(all[key], append(path[:len(path):len(path)], key))
		}
	}
}

// scalar notes a text once for each line that names a variable, for a block has many.
func (w *mentionWalk) scalar(n *yaml.Node, path []string) {
	if !strings.Contains(n.Value, "$") {
		return
	}
	line := n.Line
	if n.Style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0 {
		for i := line; i < len(w.lines) && i <= line+strings.Count(n.Value, "\n"); i++ {
			if mention.MatchString(w.lines[i]) {
				line = i + 1
				break
			}
		}
	}
	w.found = append(w.found, variableText{text: n.Value, file: w.file, part: w.part, line: line, path: path})
}

// reach is which services of which files are run.
type reach struct {
	runs     map[string]bool
	services map[string]map[string]string // part -> service -> the one that is run with it
	own      map[string]bool              // parts that are the app's files, or included
}

// reached follows what the services that are run extend. Where nobody knows which are run,
// all that no profile holds back may be.
func (f *File) reached(runs map[string]bool) reach {
	r := reach{runs: runs, services: map[string]map[string]string{}, own: map[string]bool{}}
	var own func(key string)
	own = func(key string) {
		if f.growth.parts[key] == nil || r.own[key] {
			return
		}
		r.own[key] = true
		for _, next := range f.growth.parts[key].includes {
			own(next)
		}
	}
	for _, key := range f.growth.roots {
		own(key)
	}
	for key := range r.own {
		for name := range f.growth.parts[key].services {
			if runs == nil || runs[name] {
				f.reach(r, key, name, name)
			}
		}
	}
	return r
}

func (f *File) reach(r reach, key, name, runs string) {
	part := f.growth.parts[key]
	if part == nil || part.services[name] == nil || r.services[key][name] != "" {
		return
	}
	if r.services[key] == nil {
		r.services[key] = map[string]string{}
	}
	r.services[key][name] = runs
	base := part.services[name].extends
	if base == "" {
		return
	}
	if other := part.bases[name]; other != "" {
		f.reach(r, other, base, runs)
		return
	}
	f.reach(r, key, base, runs)
}

// takesPart tells whether what is mentioned is run, and for which service.
func (r reach) takesPart(m variableText) (service string, ok bool) {
	if m.path[0] != "services" {
		return "", r.own[m.part]
	}
	service = r.services[m.part][m.path[1]]
	return service, service != ""
}
