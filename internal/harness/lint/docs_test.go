package lint

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// maxLines is the length at which a file of Go, tests aside, must be divided.
const maxLines = 400

// wellKnown are methods whose contract the standard library has written down.
var wellKnown = []string{"String", "Error", "Unwrap"}

// checkPackageDocs finds packages without a doc.go that tells what they are for.
func checkPackageDocs(t testing.TB, h house) []string {
	t.Helper()
	var findings []string
	for _, p := range h.packages {
		where := relative(t, h, filepath.Join(p.Dir, "doc.go"))
		if !slices.Contains(p.GoFiles, "doc.go") {
			findings = append(findings, where+": missing: add it, with a package comment that says what the package is for and where to start reading")
			continue
		}
		file, _ := parse(t, filepath.Join(p.Dir, "doc.go"))
		if words := len(strings.Fields(file.Doc.Text())); words < 8 {
			findings = append(findings, fmt.Sprintf("%s: the package comment has %d words: say what the package is for and where to start reading", where, words))
		}
	}
	return findings
}

// checkExportedDocs finds exported names, methods of interfaces among them,
// that no comment explains. One comment over a group of constants is enough.
func checkExportedDocs(t testing.TB, h house) []string {
	t.Helper()
	var findings []string
	eachFile(t, h, false, func(where string, file *ast.File, fset *token.FileSet) {
		undocumented := func(name *ast.Ident) {
			findings = append(findings, fmt.Sprintf("%s:%d: %s has no comment: write a sentence with its contract, or make it unexported",
				where, fset.Position(name.Pos()).Line, name.Name))
		}
		for _, decl := range file.Decls {
			switch d := decl.(type) {
			case *ast.FuncDecl:
				if d.Doc == nil && d.Name.IsExported() && exportedReceiver(d) && (d.Recv == nil || !slices.Contains(wellKnown, d.Name.Name)) {
					undocumented(d.Name)
				}
			case *ast.GenDecl:
				for _, spec := range d.Specs {
					undocumentedIn(spec, d.Doc, undocumented)
				}
			}
		}
	})
	return findings
}

// undocumentedIn reports the exported names of one type, constant or variable
// declaration that neither it nor its group explains.
func undocumentedIn(spec ast.Spec, group *ast.CommentGroup, report func(*ast.Ident)) {
	switch s := spec.(type) {
	case *ast.ValueSpec:
		for _, name := range s.Names {
			if name.IsExported() && group == nil && s.Doc == nil && s.Comment == nil {
				report(name)
			}
		}
	case *ast.TypeSpec:
		if !s.Name.IsExported() {
			return
		}
		if group == nil && s.Doc == nil && s.Comment == nil {
			report(s.Name)
		}
		if i, ok := s.Type.(*ast.InterfaceType); ok {
			for _, method := range i.Methods.List {
				if len(method.Names) == 1 && method.Names[0].IsExported() && method.Doc == nil && method.Comment == nil {
					report(method.Names[0])
				}
			}
		}
	}
}

// exportedReceiver tells whether a function has no receiver or one whose type
// is exported.
func exportedReceiver(d *ast.FuncDecl) bool {
	if d.Recv == nil {
		return true
	}
	typ := d.Recv.List[0].Type
	for {
		switch x := typ.(type) {
		case *ast.StarExpr:
			typ = x.X
		case *ast.IndexExpr:
			typ = x.X
		case *ast.IndexListExpr:
			typ = x.X
		case *ast.Ident:
			return x.IsExported()
		default:
			return true
		}
	}
}

// checkNoInit finds functions that run because a package is imported.
func checkNoInit(t testing.TB, h house) []string {
	t.Helper()
	var findings []string
	eachFile(t, h, true, func(where string, file *ast.File, fset *token.FileSet) {
		for _, decl := range file.Decls {
			if f, ok := decl.(*ast.FuncDecl); ok && f.Recv == nil && f.Name.Name == "init" {
				findings = append(findings, fmt.Sprintf("%s:%d: a func init: call it by a name, from where it is needed", where, fset.Position(f.Pos()).Line))
			}
		}
	})
	return findings
}

// checkFileLength finds files that have grown past easy reading.
func checkFileLength(t testing.TB, h house) []string {
	t.Helper()
	var findings []string
	eachFile(t, h, false, func(where string, file *ast.File, fset *token.FileSet) {
		if lines := fset.File(file.Pos()).LineCount(); lines > maxLines {
			findings = append(findings, fmt.Sprintf("%s: %d lines, at most %d: give each noun a file of its own", where, lines, maxLines))
		}
	})
	return findings
}

// eachFile parses the Go files of every package, with or without its tests.
func eachFile(t testing.TB, h house, tests bool, visit func(where string, file *ast.File, fset *token.FileSet)) {
	t.Helper()
	for _, p := range h.packages {
		names := p.GoFiles
		if tests {
			names = slices.Concat(names, p.TestGoFiles, p.XTestGoFiles)
		}
		for _, name := range names {
			path := filepath.Join(p.Dir, name)
			file, fset := parse(t, path)
			visit(relative(t, h, path), file, fset)
		}
	}
}

func parse(t testing.TB, path string) (*ast.File, *token.FileSet) {
	t.Helper()
	fset := token.NewFileSet()
	file, err := parser.ParseFile(fset, path, nil, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	return file, fset
}

func relative(t testing.TB, h house, path string) string {
	t.Helper()
	rel, err := filepath.Rel(h.root, path)
	if err != nil {
		t.Fatal(err)
	}
	return rel
}
