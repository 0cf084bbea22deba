package composefile

import (
	"cmp"
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/goccy/go-yaml/ast"

	"tandem/internal/lib/rootfile"
	"tandem/internal/lib/strictyaml"
	"tandem/reconciler/deploy"
)

// source is one YAML file as it was written, to tell the line of a fault: what
// the Compose loader returns knows of no lines.
type source struct {
	name    string // as a person knows it
	root    ast.Node
	anchors map[string]ast.Node
}

// sources are the files that were merged into one project; later ones win.
type sources []*source

// readSource reads a file that lies in its directory itself, or is a link within it.
func readSource(path, name string) (*source, error) {
	// So few bytes of a regular file are read before anybody could want to stop it.
	data, err := rootfile.Read(context.Background(), filepath.Dir(path), filepath.Base(path), maxFile)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	return parseSource(data, name), nil
}

func parseSource(data []byte, name string) *source {
	s := &source{name: name, anchors: map[string]ast.Node{}}
	parsed := strictyaml.Syntax(data)
	if parsed == nil || len(parsed.Docs) == 0 || parsed.Docs[0].Body == nil {
		// What is wrong with the file is the loader's to say; without a tree its
		// faults have no lines.
		return s
	}
	s.root = parsed.Docs[0].Body
	ast.Walk(s, s.root)
	return s
}

// Visit collects the anchors, so that lines are found behind aliases.
func (s *source) Visit(n ast.Node) ast.Visitor {
	if a, ok := n.(*ast.AnchorNode); ok {
		s.anchors[a.Name.GetToken().Value] = a.Value
	}
	return s
}

// locate returns the file and the line of the deepest part of path that the
// files have: later files first, because they win.
func (ss sources) locate(path ...string) (name string, line int) {
	best := -1
	name = ss[0].name
	for _, s := range slices.Backward(ss) {
		if l, depth := s.find(path); depth > best {
			best, name, line = depth, s.name, l
		}
	}
	return name, line
}

// mention tells whether what stands at path has the text in it.
func (ss sources) mention(text string, path ...string) bool {
	return slices.ContainsFunc(ss, func(s *source) bool {
		node, _, depth := s.walk(path)
		return depth > 0 && node != nil && strings.Contains(node.String(), text)
	})
}

// says asks about the text of what stands at path itself, of the last file that has it.
func (ss sources) says(matches func(string) bool, path ...string) bool {
	for _, s := range slices.Backward(ss) {
		if node, _, depth := s.walk(path); depth == len(path) && node != nil {
			return matches(s.plain(node).String())
		}
	}
	return false
}

// find returns the line of the last node on path that exists, and how many
// parts of path that took.
func (s *source) find(path []string) (line, depth int) {
	_, line, depth = s.walk(path)
	return line, depth
}

// walk goes down path. A part "~text" takes the first item of a sequence that
// has the text in it.
func (s *source) walk(path []string) (node ast.Node, line, depth int) {
	node = s.root
	for _, part := range path {
		next, at := s.child(node, part)
		if at == nil {
			return node, line, depth
		}
		node, line = next, at.GetToken().Position.Line
		depth++
	}
	return node, line, depth
}

// child returns the value at part, and the node whose line is the one to show.
func (s *source) child(n ast.Node, part string) (value, at ast.Node) {
	switch n := s.plain(n).(type) {
	case *ast.MappingNode:
		return s.entry(n.Values, part)
	case *ast.MappingValueNode:
		return s.entry([]*ast.MappingValueNode{n}, part)
	case *ast.SequenceNode:
		text, ok := strings.CutPrefix(part, "~")
		if !ok {
			return nil, nil
		}
		for _, item := range n.Values {
			if strings.Contains(s.plain(item).String(), text) {
				return item, firstOf(item)
			}
		}
	}
	return nil, nil
}

func (s *source) entry(values []*ast.MappingValueNode, key string) (value, at ast.Node) {
	var merged []ast.Node
	for _, v := range values {
		if v.Key.Type() == ast.MergeKeyType {
			merged = append(merged, v.Value)
			continue
		}
		if strings.Trim(v.Key.String(), `"'`) == key {
			return v.Value, v.Key
		}
	}
	for _, m := range merged {
		if value, at = s.child(m, key); at != nil {
			return value, at
		}
		if list, ok := s.plain(m).(*ast.SequenceNode); ok {
			for _, item := range list.Values {
				if value, at = s.child(item, key); at != nil {
					return value, at
				}
			}
		}
	}
	return nil, nil
}

// plain takes anchors, aliases and tags away.
func (s *source) plain(n ast.Node) ast.Node {
	// A file can make an alias refer to itself; no honest one is nested deeper.
	for range 16 {
		switch x := n.(type) {
		case *ast.AnchorNode:
			n = x.Value
		case *ast.TagNode:
			n = x.Value
		case *ast.AliasNode:
			n = s.anchors[x.Value.GetToken().Value]
		default:
			return n
		}
	}
	return nil
}

// firstOf is the node that stands first in the text: the token of a mapping is
// its first colon, which may be on another line than its first key.
func firstOf(n ast.Node) ast.Node {
	switch x := n.(type) {
	case *ast.MappingNode:
		if len(x.Values) > 0 {
			return x.Values[0].Key
		}
	case *ast.MappingValueNode:
		return x.Key
	}
	return n
}

// SortFaults sorts the faults as they stand in the file and takes out those that
// both colors have.
func SortFaults(faults deploy.Faults) deploy.Faults {
	slices.SortStableFunc(faults, func(a, b deploy.Fault) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Path, b.Path), cmp.Compare(a.Text, b.Text))
	})
	return slices.Compact(faults)
}

// PathText is a path as a person reads it, without what only finds the line.
func PathText(path []string) string {
	plain := slices.DeleteFunc(slices.Clone(path), func(p string) bool { return strings.HasPrefix(p, "~") })
	return strings.Join(plain, ".")
}

// inService is the path of something below a service of the file.
func inService(name string, path ...string) []string {
	return append([]string{"services", name}, path...)
}

// LineOf looks in the YAML file at full, which people know as name, for the deepest part of
// path that it has; 0 if it cannot be read.
func LineOf(full, name string, path ...string) int {
	src, err := readSource(full, name)
	if err != nil {
		return 0
	}
	_, line := sources{src}.locate(path...)
	return line
}
