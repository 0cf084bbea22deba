package e2e

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"tandem/internal/config"
	"tandem/internal/validate"
)

func TestExamples_AreValid(t *testing.T) {
	t.Parallel()
	root := filepath.Join("..", "..", "..", "examples")
	entries, err := os.ReadDir(root)
	check(t, err)
	var names []string
	for _, e := range entries {
		if e.IsDir() {
			names = append(names, e.Name())
		}
	}
	for _, name := range []string{"flask", "minimal", "node-api", "shop"} {
		if !slices.Contains(names, name) {
			t.Errorf("there is no example %s", name)
		}
	}
	for _, name := range names {
		t.Run(name, func(t *testing.T) {
			// The network of an Nginx in a container is not the app's; its README says so.
			allow := map[string][]string{"flask": {"external:edge"}}[name]
			report, err := validate.Files(t.Context(), validate.Options{Paths: []string{filepath.Join(root, name)}, Policy: allow, Own: config.Default().OwnPorts(), Ports: config.Default().Docker.Ports})
			check(t, err)
			if report.Checked != 1 || len(report.Faults) > 0 {
				t.Errorf("checked %d apps: faults %v", report.Checked, report.Faults)
			}
		})
	}
}
