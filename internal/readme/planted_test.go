package readme

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// planted are small lies, each put into a page that is otherwise as it is, and a
// part of what must be found because of it.
var planted = []struct {
	check, page, old, lie, finding string
}{
	{"every YAML block is real", "README.md", "gate: {timeout: 60s, successes: 3}", "gate: {timeout: 60s, succeses: 3}", "succeses: unknown key"},
	{"every YAML block is real", "README.md", "dir: /etc/nginx/tandem ", "directory: /etc/nginx/tandem ", "nginx.directory: unknown key"},
	{"every YAML block is real", "README.md", "  branch: main\n", "  branch: [main\n", "nobody knows what this YAML is"},
	{"every YAML block is real", "docs/agent-yaml.md", "status: {branch: main, path: \"status/{app}.yaml\"}", "status: {path: x}", "status.path: want {app} in it"},

	{"the whole tandem.yaml shows the defaults", "README.md", "drain: {timeout: 30s, ", "drain: {timeout: 10s, ", "the defaults are others"},
	{"the whole tandem.yaml shows the defaults", "README.md", "max_restarts: 0, ", "", `lacks "watch.max_restarts"`},

	{"what is refused or without effect is listed", "README.md", "not supported yet: `secrets`", "not supported yet: `standby`", "standby is not refused"},

	{"the whole agent.yaml shows every key and the defaults", "README.md", "poll: 10s  ", "poll: 15s  ", "the defaults are others"},
	{"the whole agent.yaml shows every key and the defaults", "README.md", "  switch: flip  ", "  # switch: flip  ", `lacks "--nginx-switch"`},

	{"every command and flag exists", "README.md", "| `tandem history APP` |", "| `tandem log APP` |", "there is no command tandem log"},
	{"every command and flag exists", "README.md", "| `tandem retry APP` |", "| `tandem pause APP` |", `lacks "retry"`},
	{"every command and flag exists", "README.md", "sudo tandem run --repo-url", "sudo tandem run --url", "tandem run has no flag --url"},
	{"every command and flag exists", "README.md", "`--once`", "`--one`", "no command has the flag --one"},
	{"every command and flag exists", "docs/install.md", "/usr/local/bin/tandem run", "/usr/local/bin/tandem start", "there is no command tandem start"},

	{"every make target and variable exists", "README.md", "| `make fuzz` |", "| `make fuzzing` |", "no target fuzzing"},
	{"every make target and variable exists", "README.md", "`make demo KEEP=1`", "`make demo STAY=1`", "no variable STAY"},

	{"every test that is named exists", "README.md", "go test ./internal/lint", "go test ./internal/rules", "no tests in ./internal/rules"},
	{"every test that is named exists", "README.md", "TestFlip|TestReload", "TestFlip|TestReloads", "begins with TestReloads"},

	{"every link and path leads somewhere", "README.md", "](docs/install.md)", "](docs/installing.md)", "docs/installing.md leads to no file"},
	{"every link and path leads somewhere", "README.md", "#the-access-log)", "#the-log)", "leads to no heading"},
	{"every link and path leads somewhere", "README.md", "`reconciler/plan.go`", "`reconciler/planner.go`", "there is no reconciler/planner.go"},

	{"every table has what the code has", "README.md", "| `Frozen` |", "| `Icy` |", `lacks "Frozen"`},
	{"every table has what the code has", "README.md", "| `confirm` |", "| `ask` |", `has "ask"`},
	{"every table has what the code has", "README.md", "| 3 | held, refused or rolled back |", "| 3 | held |", "the exit codes are"},
	{"every table has what the code has", "docs/troubleshooting.md", "`TakingBack`, ", "", `reasons lacks "TakingBack"`},
	{"every table has what the code has", "docs/troubleshooting.md", "| `Degraded` |", "| `Live` |", `has "Live" twice`},
	{"every table has what the code has", "docs/troubleshooting.md", "| `Superseded` |", "| `Overtaken` |", `lacks "Superseded"`},
	{"every table has what the code has", "docs/agent-yaml.md", "| `devices` |", "| `device` |", `lacks "devices"`},

	{"every message is one that tandem writes", "README.md", "unknown key; did you mean tag?", "what is this?", "no test expects the message"},
	{"every message is one that tandem writes", "README.md", "reason=NewRelease took=478ms", "reason=Newer took=478ms", "there is no reason Newer"},
	{"every message is one that tandem writes", "README.md", "shop  Held   Held  ", "shop  Held   Stuck ", "no phase Held with a reason Stuck"},
	{"every message is one that tandem writes", "README.md", "Rejected  Unhealthy ", "Rejected  Broken    ", "no result Rejected with a reason Broken"},
	{"every message is one that tandem writes", "README.md", `msg="new commit"`, `msg="a commit"`, `nothing logs "a commit"`},
}

func TestEveryCheckCanFail(t *testing.T) {
	f := newFacts(t, filepath.Join("..", ".."))
	pages := readPages(t, f.root)
	for _, check := range checks {
		t.Run(check.name, func(t *testing.T) {
			lies := 0
			for _, p := range planted {
				if p.check != check.name {
					continue
				}
				lies++
				findings := check.run(t, f, withLie(t, f, pages, p.page, p.old, p.lie))
				if !slices.ContainsFunc(findings, func(s string) bool { return strings.Contains(s, p.finding) }) {
					t.Errorf("%s with %q instead of %q: found %q, want one with %q", p.page, p.lie, p.old, findings, p.finding)
				}
			}
			if lies == 0 {
				t.Error("nothing is planted for this check")
			}
		})
	}
}

// withLie returns the pages with the first old in one of them replaced.
func withLie(t *testing.T, f facts, pages []page, name, old, lie string) []page {
	t.Helper()
	text := read(t, f.root, filepath.FromSlash(name))
	if !strings.Contains(text, old) {
		t.Fatalf("%s has no %q any more: plant the lie elsewhere", name, old)
	}
	changed := slices.Clone(pages)
	for i, p := range changed {
		if p.name == name {
			changed[i] = newPage(name, strings.Replace(text, old, lie, 1))
		}
	}
	return changed
}
