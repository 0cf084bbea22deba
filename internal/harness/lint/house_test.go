package lint

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// house is a Go module as the rules see it.
type house struct {
	root     string // its directory
	packages []goPackage
	files    []string // all that Git tracks, or would track; relative to root
}

// goPackage is what `go list -json` says of one package of the module.
type goPackage struct {
	Dir          string
	ImportPath   string
	Name         string
	GoFiles      []string
	TestGoFiles  []string
	XTestGoFiles []string
	Deps         []string // all that it imports, directly or not
	Imports      []string
	TestImports  []string
	XTestImports []string
}

// rules are run in this order; each returns one line a finding, which says
// where, what is wrong, and how to mend it.
var rules = []struct {
	name  string
	check func(testing.TB, house) []string
}{
	{"imports point one way", checkArrows},
	{"the heart needs the standard library only", checkHeart},
	{"a Compose file is read without an engine", checkValidate},
	{"every package says what it is for", checkPackageDocs},
	{"every exported name is documented", checkExportedDocs},
	{"nothing runs before main", checkNoInit},
	{"files stay small", checkFileLength},
	{"nothing is written that must not be", checkText},
}

func TestTheHouseKeepsItsShape(t *testing.T) {
	h := openHouse(t, filepath.Join("..", "..", ".."))
	for _, rule := range rules {
		t.Run(rule.name, func(t *testing.T) {
			for _, finding := range rule.check(t, h) {
				t.Error(finding)
			}
		})
	}
}

// openHouse reads the module in the directory root.
func openHouse(t testing.TB, root string) house {
	t.Helper()
	root, err := filepath.Abs(root)
	if err != nil {
		t.Fatal(err)
	}
	h := house{root: root, packages: listPackages(t, root), files: listFiles(t, root)}
	if len(h.packages) == 0 || len(h.files) == 0 {
		t.Fatalf("found %d packages and %d files in %s: the rules would pass over nothing", len(h.packages), len(h.files), root)
	}
	return h
}

func listPackages(t testing.TB, root string) []goPackage {
	t.Helper()
	fields := "Dir,ImportPath,Name,GoFiles,TestGoFiles,XTestGoFiles,Deps,Imports,TestImports,XTestImports"
	out := run(t, root, "go", "list", "-e", "-json="+fields, "./...")
	var packages []goPackage
	for decoder := json.NewDecoder(strings.NewReader(out)); ; {
		var p goPackage
		err := decoder.Decode(&p)
		if errors.Is(err, io.EOF) {
			return packages
		}
		if err != nil {
			t.Fatalf("read go list: %v", err)
		}
		packages = append(packages, p)
	}
}

func listFiles(t testing.TB, root string) []string {
	t.Helper()
	// A clone that another user made, as in many CI jobs, is refused without this.
	out := run(t, root, "git", "-c", "safe.directory=*", "ls-files", "-z", "--cached", "--others", "--exclude-standard")
	return strings.FieldsFunc(out, func(r rune) bool { return r == 0 })
}

func run(t testing.TB, dir, name string, args ...string) string {
	t.Helper()
	var stderr strings.Builder
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.Dir, cmd.Stderr = dir, &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("run %s: %v\n%s", cmd, err, stderr.String())
	}
	return string(out)
}
