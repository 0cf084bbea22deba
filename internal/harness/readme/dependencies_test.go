package readme

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const (
	dependenciesName = "docs/dependencies.md"
	licensesName     = "docs/licenses.md"
)

// checkReasons compares the table of reasons with what go.mod requires directly.
func checkReasons(t testing.TB, f facts, pages []page) []string {
	t.Helper()
	var mod struct {
		Require []struct {
			Path     string
			Indirect bool
		}
	}
	if err := json.Unmarshal([]byte(golang(t, f.root, "mod", "edit", "-json")), &mod); err != nil {
		t.Fatal(err)
	}
	var direct []string
	for _, r := range mod.Require {
		if !r.Indirect {
			direct = append(direct, r.Path)
		}
	}
	p := find(pages, dependenciesName)
	findings := differences(p.name, p.column(true, "module"), direct)
	for _, row := range p.rows("module") {
		if len(row) != 2 || len(strings.Fields(row[1])) < 3 {
			findings = append(findings, fmt.Sprintf("%s: %s has no reason", p.name, strings.Trim(row[0], "`")))
		}
	}
	return findings
}

// checkLicenses compares the list of licences with the modules that the binary is
// built of. It reads no licence: `make licenses` does.
func checkLicenses(t testing.TB, f facts, pages []page) []string {
	t.Helper()
	var built []string
	for line := range strings.Lines(golang(t, f.root, "list", "-deps", "-f", "{{with .Module}}{{if not .Main}}{{.Path}} {{.Version}}{{end}}{{end}}", "./cmd/tandem")) {
		if line = strings.TrimSpace(line); line != "" && !slices.Contains(built, line) {
			built = append(built, line)
		}
	}
	p := find(pages, licensesName)
	var listed, findings []string
	for _, row := range p.rows("module") {
		if len(row) != 3 || row[2] == "" {
			findings = append(findings, fmt.Sprintf("%s: %s has no licence", p.name, row[0]))
			continue
		}
		listed = append(listed, strings.Trim(row[0], "`")+" "+strings.Trim(row[1], "`"))
	}
	if found := differences(p.name, listed, built); len(found) > 0 {
		findings = append(findings, append(found, p.name+": run make licenses")...)
	}
	return findings
}

// rows are the cells of the tables whose header begins with the name.
func (p page) rows(header string) [][]string {
	var rows [][]string
	inside := false
	for _, l := range p.lines {
		first, isRow := firstCell(l)
		switch {
		case !isRow:
			inside = false
		case first == header:
			inside = true
		case inside && !strings.HasPrefix(first, "---"):
			var cells []string
			for cell := range strings.SplitSeq(strings.TrimSuffix(strings.TrimPrefix(l.text, "|"), "|"), "|") {
				cells = append(cells, strings.TrimSpace(cell))
			}
			rows = append(rows, cells)
		}
	}
	return rows
}

// golang runs Go's own tool, as for the system that the binary is made for.
func golang(t testing.TB, dir string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", args...)
	cmd.Dir, cmd.Stderr = dir, os.Stderr
	cmd.Env = append(os.Environ(), "GOOS=linux", "GOARCH=amd64", "CGO_ENABLED=0")
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("run %s: %v", cmd, err)
	}
	return string(out)
}
