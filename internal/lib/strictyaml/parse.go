package strictyaml

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/scanner"
	"github.com/goccy/go-yaml/token"
)

// Report is told of each fault: the 1-based line, 0 when the fault belongs to
// none; the path of the value, which may be empty; and what is wrong and what
// to write instead.
type Report func(line int, path, text string)

// Parse reads one YAML document whose root is a mapping. It reports every fault
// and returns the root as far as it could be read; false means that there is
// none to go on with, and that at least one fault was reported.
//
// A byte order mark at the start and CRLF line ends are accepted. The readers of
// the returned Node report to the same report.
func Parse(data []byte, report Report) (Node, bool) {
	data = bytes.TrimPrefix(data, []byte("\ufeff"))
	data = bytes.ReplaceAll(data, []byte("\r\n"), []byte("\n"))
	if !bounded(data, report) {
		return Node{}, false
	}
	tokens := scan(string(data))
	if !shallow(tokens, report) {
		return Node{}, false
	}
	file, err := parse(tokens)
	if err != nil {
		line, text := explain(err)
		report(line, "", text)
		return Node{}, false
	}
	return root(file, report)
}

// Syntax returns what the text looks like, for whoever reads its meaning with
// another library and only wants to tell a line. It is nil for a file that is no
// YAML, or that is larger or deeper than Parse would read.
func Syntax(data []byte) *ast.File {
	silent := func(int, string, string) {}
	if !bounded(data, silent) {
		return nil
	}
	tokens := scan(string(data))
	if !shallow(tokens, silent) {
		return nil
	}
	file, err := parse(tokens)
	if err != nil {
		return nil
	}
	return file
}

func scan(text string) token.Tokens {
	var s scanner.Scanner
	s.Init(text)
	var tokens token.Tokens
	for {
		more, err := s.Scan()
		if errors.Is(err, io.EOF) {
			return tokens
		}
		tokens.Add(more...)
		if err != nil { // the last token says why, and the parser repeats it
			return tokens
		}
	}
}

// parse recovers, because the text comes from a repository and a mistake of the
// parser's must not end the agent that keeps other apps alive.
func parse(tokens token.Tokens) (file *ast.File, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("the YAML reader gave up: %v", p)
		}
	}()
	return parser.Parse(tokens, 0, parser.AllowDuplicateMapKey())
}

// root finds the one mapping that the file should be.
func root(file *ast.File, report Report) (Node, bool) {
	var bodies []ast.Node
	ok := true
	for _, doc := range file.Docs {
		switch body := doc.Body.(type) {
		case nil:
		case *ast.DirectiveNode:
			report(lineOf(body), "", "YAML directives (%…) are not accepted; remove the line")
			ok = false
		default:
			bodies = append(bodies, body)
		}
	}
	if len(bodies) == 0 {
		if ok {
			report(0, "", "the file is empty")
		}
		return Node{}, false
	}
	for _, body := range bodies[1:] {
		report(lineOf(body), "", "a second YAML document begins here; write one per file")
		ok = false
	}
	b := builder{report: report}
	n := b.node(bodies[0], "", lineOf(bodies[0]))
	if n.kind == kindBroken {
		return Node{}, false
	}
	if n.kind != kindMap {
		n.Fault("the file must be a mapping (key: value), got %s", n.describe())
		return Node{}, false
	}
	return n, ok
}

// explain says in plain words what the parser complains about.
func explain(err error) (int, string) {
	var syntax *yaml.SyntaxError
	if !errors.As(err, &syntax) {
		return 0, "not YAML: " + err.Error()
	}
	line := 0
	if t := syntax.GetToken(); t != nil && t.Position != nil {
		line = t.Position.Line
	}
	message := syntax.GetMessage()
	for _, h := range []struct{ has, say string }{
		{"character '\\t'", "a tab cannot indent YAML; use spaces"},
		{"tab character", "a tab cannot stand here; use a space"},
		{"character '\t'", "a tab cannot indent YAML; use spaces"},
		{"sequence end token ']'", "not YAML: the [ that is opened here is never closed with ]"},
		{"flow mapping end token '}'", "not YAML: the { that is opened here is never closed with }"},
		{"end character of double-quoted", `not YAML: the " that is opened here is never closed`},
		{"end character of single-quoted", "not YAML: the ' that is opened here is never closed"},
		{"mapping value is not allowed", "not YAML: a second \": \" in one line; quote the value, or begin a new line"},
		{"is a reserved character", "not YAML: a value cannot begin with @ or `; write it in quotes"},
		{"value is not allowed in this context", "not YAML: this does not fit what is above; check the indentation"},
		{"non-map value is specified", "not YAML: a key needs a colon and a space after it (key: value); check the indentation too"},
		{"unexpected key name", "not YAML: a key needs a colon and a space after it (key: value); check the indentation too"},
		{"invalid key for this map", "a key must be one plain word"},
	} {
		if strings.Contains(message, h.has) {
			return line, h.say
		}
	}
	return line, "not YAML: " + message
}
