package lint

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// planted is a module in which each file breaks a rule, and the beginning of
// what must be found because of it. What is banned everywhere is put together
// from halves, or it would be found here as well.
var planted = []struct {
	file, content, finding string
}{
	{"reconciler/nginx.go", "package reconciler\nimport _ \"tandem/nginx\"\n", "reconciler imports nginx: "},
	{"reconciler/deploy/lib.go", "package deploy\nimport _ \"example.com/git\"\n", "reconciler/deploy needs example.com/git: "},
	{"reconciler/deploy/disk.go", "package deploy\nimport _ \"tandem/internal/lib/atomicfile\"\n", "reconciler/deploy needs tandem/internal/lib/atomicfile: "},
	{"internal/validate/engine.go", "package validate\nimport _ \"github.com/moby/moby/client\"\n", "internal/validate needs github.com/moby/moby/client: "},
	{"compose/project/engine.go", "package project\nimport _ \"github.com/docker/docker/client\"\n", "compose/project needs github.com/docker/docker/client: "},
	{"nginx/sideways.go", "package nginx\nimport _ \"tandem/compose\"\n", "nginx imports compose: "},
	{"nginx/sideways_test.go", "package nginx\nimport _ \"tandem/source\"\n", "the tests of nginx import source: "},
	{"source/up.go", "package source\nimport _ \"tandem/internal/agent\"\n", "source imports internal/agent: "},
	{"compose/config.go", "package compose\nimport _ \"tandem/internal/config\"\n", "compose imports internal/config: "},
	{"internal/config/config.go", "package config\nimport _ \"tandem/compose\"\n", "internal/config imports compose: "},
	{"internal/notify/bed.go", "package notify\nimport _ \"tandem/internal/bed\"\n", "internal/notify imports internal/bed: "},
	{"internal/agent/demo.go", "package agent\nimport _ \"tandem/internal/harness/demo\"\n", "internal/agent imports internal/harness/demo: "},
	{"internal/harness/demo/demo.go", "package demo\n", "internal/harness/demo/doc.go: missing: "},
	{"internal/lib/strictyaml/up.go", "package strictyaml\nimport _ \"tandem/reconciler/deploy\"\n", "internal/lib/strictyaml imports reconciler/deploy: "},
	{"internal/lib/strictyaml/up_test.go", "package strictyaml\nimport _ \"tandem/internal/agent\"\n", "the tests of internal/lib/strictyaml import internal/agent: "},
	{"source/bed.go", "package source\nimport _ \"tandem/internal/harness/demo\"\n", "source imports internal/harness/demo: "},
	{"internal/lib/atomicfile/doc.go", "// Package atomicfile is short.\npackage atomicfile\n", "internal/lib/atomicfile/doc.go: the package comment has 4 words: "},
	{"cmd/tandem/main.go", "package main\nimport _ \"tandem/source\"\nfunc main() {}\n", "cmd/tandem imports source: "},
	{"stray/stray.go", "package stray\n", "stray: no row of the arrows names it: "},
	{"compose/func.go", "package compose\nfunc Bare() {}\n", "compose/func.go:2: Bare has no comment: "},
	{"compose/type.go", "package compose\ntype Thing struct{}\n", "compose/type.go:2: Thing has no comment: "},
	{"compose/method.go", "package compose\nfunc (*Thing) Do() {}\n", "compose/method.go:2: Do has no comment: "},
	{"compose/const.go", "package compose\nconst Limit = 1\n", "compose/const.go:2: Limit has no comment: "},
	{"compose/port.go", "package compose\n// Port is one.\ntype Port interface {\n\tUp()\n}\n", "compose/port.go:4: Up has no comment: "},
	{"compose/init.go", "package compose\nfunc init() {}\n", "compose/init.go:2: a func init: "},
	{"compose/init_test.go", "package compose\nfunc init() {}\n", "compose/init_test.go:2: a func init: "},
	{"compose/long.go", "package compose\n" + strings.Repeat("\n", maxLines), "compose/long.go: 401 lines, at most 400: "},
	{"docs/a.md", "see proxy." + "golang.org", `docs/a.md:1: "proxy.` + `golang.org": `},
	{"docs/b.md", "image: docker." + "io/library/nginx", `docs/b.md:1: "docker.` + `io/": `},
	{"docs/c.md", "\ncd /ho" + "me/ada/tandem", `docs/c.md:2: "/ho` + `me/ada": `},
	{"docs/d.md", "x=\"/wo" + "rk/main\"", `docs/d.md:1: "\"/wo` + `rk/main": `},
	{"docs/e.md", "TO" + "DO: write", `docs/e.md:1: "TO` + `DO": `},
	{"docs/f.md", "FIX" + "ME", `docs/f.md:1: "FIX` + `ME": `},
	{"source/skip_test.go", "package source\n// t.Sk" + "ip(\"no docker\")\n", `source/skip_test.go:2: "t.Sk` + `ip(": `},
	{"source/sleep_test.go", "package source\n// time.Sl" + "eep(1)\n", `source/sleep_test.go:2: "time.Sl` + `eep(": `},
}

// sound is what stands beside the planted faults and breaks no rule.
var sound = map[string]string{
	"go.mod":                   "module tandem\n\ngo 1.26\n",
	".gitignore":               "/ignored\n",
	"ignored":                  "TO" + "DO",
	"binary":                   "\x00TO" + "DO",
	"internal/agent/agent.go":  "package agent\nimport _ \"tandem/nginx\"\n",
	"nginx/nginx.go":           "package nginx\nimport _ \"tandem/internal/lib/atomicfile\"\ntype hidden struct{}\nfunc (hidden) Do() {}\n",
	"source/sleep.go":          "package source\n// In code, unlike tests, time.Sl" + "eep(1) may have its place.\n",
	"docs/debian.md":           "Debian's package docker.io, the path /var/lib/tandem, https://example.com/home/page.\n",
	"compose/documented.go":    "package compose\n// All of them.\nconst (\n\tA = 1\n\tB = 2 // the second\n)\nfunc (Thing) String() string { return \"\" }\n",
	"internal/bed/bed.go":      "package bed\nimport _ \"tandem/internal/bed/post\"\n",
	"internal/bed/post/p.go":   "package post\n",
	"internal/metrics/sums.go": "package metrics\nimport _ \"tandem/reconciler/deploy\"\n",
}

func TestEveryRuleFindsAPlantedFaultAndNothingElse(t *testing.T) {
	root := t.TempDir()
	for name, content := range sound {
		write(t, root, name, content)
	}
	for _, p := range planted {
		write(t, root, p.file, p.content)
	}
	run(t, root, "git", "init", "--quiet")

	h := openHouse(t, root)
	var findings []string
	for _, rule := range rules {
		found := rule.check(t, h)
		if len(found) == 0 {
			t.Errorf("the rule %q found nothing: plant a fault for it", rule.name)
		}
		findings = append(findings, found...)
	}

	explained := make([]bool, len(findings))
	for _, p := range planted {
		hit := false
		for i, f := range findings {
			if strings.HasPrefix(f, p.finding) {
				hit, explained[i] = true, true
			}
		}
		if !hit {
			t.Errorf("%s: want a finding that begins with\n  %s", p.file, p.finding)
		}
	}
	for i, f := range findings {
		if !explained[i] && !follows(f) {
			t.Errorf("found what was not planted:\n  %s", f)
		}
	}
}

// follows tells whether a finding is the echo of another planted fault: a
// package without a doc.go, or what the heart needs through a bad import.
func follows(finding string) bool {
	return strings.Contains(finding, "/doc.go: missing: ") || strings.HasPrefix(finding, "reconciler/deploy needs tandem/")
}

func write(t *testing.T, root, name, content string) {
	t.Helper()
	path := filepath.Join(root, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(fmt.Errorf("plant %s: %w", name, err))
	}
}
