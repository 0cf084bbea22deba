package main

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
)

// module is one whose code is in the binary.
type module struct {
	path, version string
	dir           string   // in the module cache
	packages      []string // directories of those that are in the binary
	licenses      []string
}

// inBinary lists the modules whose packages cmd/tandem is built of. What only
// tests, tools or other systems need is not distributed, and not listed.
func inBinary(ctx context.Context) ([]module, error) {
	const format = "{{with .Module}}{{if not .Main}}{{.Path}}\t{{.Version}}\t{{.Dir}}\t{{$.Dir}}{{end}}{{end}}"
	cmd := exec.CommandContext(ctx, "go", "list", "-deps", "-f", format, "./cmd/tandem")
	cmd.Env = append(os.Environ(), "GOOS=linux", "GOARCH=amd64", "CGO_ENABLED=0")
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("list what is in the binary: %w", err)
	}
	var modules []module
	for line := range strings.Lines(string(out)) {
		fields := strings.Split(strings.TrimSpace(line), "\t")
		if len(fields) != 4 {
			continue // of the standard library, or of tandem
		}
		i := slices.IndexFunc(modules, func(m module) bool { return m.path == fields[0] })
		if i < 0 {
			i = len(modules)
			modules = append(modules, module{path: fields[0], version: fields[1], dir: fields[2]})
		}
		modules[i].packages = append(modules[i].packages, fields[3])
	}
	if len(modules) == 0 {
		return nil, fmt.Errorf("list what is in the binary: go list names no module")
	}
	slices.SortFunc(modules, func(a, b module) int { return cmp.Compare(a.path, b.path) })
	return modules, nil
}
