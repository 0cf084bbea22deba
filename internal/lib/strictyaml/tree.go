package strictyaml

import (
	"fmt"
	"regexp"
	"strconv"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/token"
)

type kind int

const (
	kindAbsent  kind = iota
	kindBroken       // what is wrong with it has been reported
	kindNull         // nothing after the colon
	kindNothing      // null or ~ in so many letters
	kindBool
	kindInt
	kindFloat
	kindText
	kindList
	kindMap
)

// Node is one value of the file, or the absence of one. The readers of an
// absent Node do nothing, so that its default stays.
type Node struct {
	Line int    // 1-based; of its key, where it has one; of the mapping it is missing in, when absent
	Path string // "routes.api.ports.blue"; empty for the root

	kind    kind
	text    string // of a scalar, as written
	quoted  bool
	items   []Node
	entries []entry
	report  Report
}

type entry struct {
	key string
	Node
}

type builder struct{ report Report }

// node converts what the parser made. The depth is bounded already.
func (b builder) node(n ast.Node, path string, line int) Node {
	out := Node{Line: line, Path: path, report: b.report}
	switch n := n.(type) {
	case *ast.MappingNode:
		out.kind, out.entries = kindMap, b.entries(n.Values, path)
	case *ast.MappingValueNode:
		out.kind, out.entries = kindMap, b.entries([]*ast.MappingValueNode{n}, path)
	case *ast.SequenceNode:
		out.kind = kindList
		for i, v := range n.Values {
			out.items = append(out.items, b.node(v, fmt.Sprintf("%s[%d]", path, i), lineOf(v)))
		}
	case *ast.AnchorNode:
		out.refuse("anchors (&…) are not accepted; write the value where it is needed")
	case *ast.AliasNode:
		out.refuse("aliases (*…) are not accepted; write the value itself")
	case *ast.TagNode:
		out.refuse("YAML tags (%s) are not accepted; write the value in quotes if it is text", show(n.GetToken().Value))
	case *ast.LiteralNode:
		out.kind, out.quoted = kindText, true
		if n.Value != nil {
			out.text = n.Value.Value
		}
	default:
		out.scalar(n)
	}
	return out
}

func (n *Node) refuse(format string, args ...any) {
	n.Fault(format, args...)
	n.kind = kindBroken
}

func (n *Node) scalar(v ast.Node) {
	t := v.GetToken()
	if t == nil {
		n.refuse("not a value that is understood")
		return
	}
	n.text = t.Value
	switch v := v.(type) {
	case *ast.StringNode:
		n.kind, n.text = kindText, v.Value
		n.quoted = t.Type == token.SingleQuoteType || t.Type == token.DoubleQuoteType
	case *ast.IntegerNode:
		n.kind = kindInt
	case *ast.FloatNode, *ast.InfinityNode, *ast.NanNode:
		n.kind = kindFloat
	case *ast.BoolNode:
		n.kind = kindBool
	case *ast.NullNode:
		n.kind = kindNothing
		if t.Type == token.ImplicitNullType {
			n.kind = kindNull
		}
	default:
		n.refuse("not a value that is understood")
	}
}

// entries keeps the first of two equal keys and reports the other.
func (b builder) entries(values []*ast.MappingValueNode, path string) []entry {
	var out []entry
	seen := map[string]int{}
	for _, v := range values {
		line := lineOf(v.Key)
		key, ok := b.key(v.Key, path)
		if !ok {
			continue
		}
		child := join(path, key)
		if first, twice := seen[key]; twice {
			b.report(line, child, fmt.Sprintf("written twice (first in line %d); keep one", first))
			continue
		}
		seen[key] = line
		out = append(out, entry{key, b.node(v.Value, child, line)})
	}
	return out
}

func (b builder) key(k ast.MapKeyNode, path string) (string, bool) {
	switch k := k.(type) {
	case *ast.StringNode:
		return k.Value, true
	case *ast.MergeKeyNode:
		b.report(lineOf(k), path, "merge keys (<<) are not accepted; write the keys out")
		return "", false
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.NullNode, *ast.InfinityNode, *ast.NanNode:
		if t := k.GetToken(); t != nil {
			return t.Value, true
		}
	}
	b.report(lineOf(k), path, "a key must be one plain word")
	return "", false
}

func lineOf(n ast.Node) int {
	if n == nil {
		return 0
	}
	if t := n.GetToken(); t != nil && t.Position != nil {
		return t.Position.Line
	}
	return 0
}

var plainKey = regexp.MustCompile(`^[A-Za-z0-9_-]{1,60}$`)

// join appends a key to a path. What is not a plain word is quoted, so that a
// key cannot pretend to be two.
func join(path, key string) string {
	if !plainKey.MatchString(key) {
		key = show(key)
	}
	if path == "" {
		return key
	}
	return path + "." + key
}

// show quotes what somebody wrote, shortened.
func show(s string) string { return strconv.Quote(shorten(s)) }

func shorten(s string) string {
	const most = 60
	if r := []rune(s); len(r) > most {
		return string(r[:most]) + "…"
	}
	return s
}
