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
	{"every YAML block is real", "README.md", "gate: {timeout: 60s, successes: 3, image_timeout: 5m}", "gate: {timeout: 60s, succeses: 3, image_timeout: 5m}", "succeses: unknown key"},
	{"every YAML block is real", "README.md", "dir: /etc/nginx/tandem ", "directory: /etc/nginx/tandem ", "nginx.directory: unknown key"},
	{"every YAML block is real", "README.md", "  branch: main\n", "  branch: [main\n", "nobody knows what this YAML is"},
	{"every YAML block is real", "docs/agent-yaml.md", "status: {branch: main, path: \"status/{app}.yaml\"}", "status: {path: x}", "status.path: want {app} in it"},

	{"the whole tandem.yaml shows the defaults", "README.md", "drain: {timeout: 30s, ", "drain: {timeout: 10s, ", "the defaults are others"},
	{"the whole tandem.yaml shows the defaults", "README.md", "max_restarts: 0, ", "", `lacks "watch.max_restarts"`},

	{"the whole agent.yaml shows every key and the defaults", "README.md", "poll: 10s  ", "poll: 15s  ", "the defaults are others"},
	{"the whole agent.yaml shows every key and the defaults", "README.md", "  switch: flip  ", "  # switch: flip  ", `lacks "--nginx-switch"`},

	{"every command and flag exists", "README.md", "| `tandem history APP` |", "| `tandem log APP` |", "there is no command tandem log"},
	{"every command and flag exists", "README.md", "| `tandem retry APP` |", "| `tandem pause APP` |", `lacks "retry"`},
	{"every command and flag exists", "README.md", "sudo tandem run --repo-url", "sudo tandem run --url", "tandem run has no flag --url"},
	{"every command and flag exists", "README.md", "`--once`", "`--one`", "no command has the flag --one"},
	{"every command and flag exists", "docs/install.md", "`tandem status`", "`tandem state`", "there is no command tandem state"},

	{"every make target and variable exists", "README.md", "| `make fuzz` |", "| `make fuzzing` |", "no target fuzzing"},
	{"every make target and variable exists", "README.md", "`make demo KEEP=1`", "`make demo STAY=1`", "no variable STAY"},

	{"every test that is named exists", "README.md", "go test ./internal/harness/lint", "go test ./internal/rules", "no tests in ./internal/rules"},
	{"every test that is named exists", "README.md", "TestFlip|TestReload", "TestFlip|TestReloads", "begins with TestReloads"},

	{"every test that is named exists", "docs/security.md", "`TestPolicy_", "`TestPolicies_", "no test begins with TestPolicies_"},

	{"every link and path leads somewhere", "README.md", "](docs/install.md)", "](docs/installing.md)", "docs/installing.md leads to no file"},
	{"every link and path leads somewhere", "README.md", "#the-access-log)", "#the-log)", "leads to no heading"},
	{"every link and path leads somewhere", "README.md", "`reconciler/deploy/plan.go`", "`reconciler/deploy/planner.go`", "there is no reconciler/deploy/planner.go"},

	{"every table has what the code has", "README.md", "| `FilesRefused` |", "| `Icy` |", `lacks "FilesRefused"`},
	{"every table has what the code has", "README.md", "| `confirm` |", "| `ask` |", `has "ask"`},
	{"every table has what the code has", "README.md", "| 3 | held, refused or rolled back |", "| 3 | held |", "the exit codes are"},
	{"every table has what the code has", "docs/troubleshooting.md", "`RollingBack`, ", "", `reasons lacks "RollingBack"`},
	{"every table has what the code has", "docs/troubleshooting.md", "| `Degraded` |", "| `Live` |", `has "Live" twice`},
	{"every table has what the code has", "docs/troubleshooting.md", "| `Superseded` |", "| `Overtaken` |", `lacks "Superseded"`},
	{"every table has what the code has", "docs/agent-yaml.md", "| `devices` |", "| `device` |", `lacks "devices"`},

	{"every message is one that tandem writes", "README.md", "unknown key; did you mean tag?", "what is this?", "no test expects the message"},
	{"every message is one that tandem writes", "README.md", "reason=NewRelease took=478ms", "reason=Newer took=478ms", "there is no reason Newer"},
	{"every message is one that tandem writes", "README.md", "shop  Held   Held  ", "shop  Held   Stuck ", "no phase Held with a reason Stuck"},
	{"every message is one that tandem writes", "README.md", "Rejected  Unhealthy ", "Rejected  Broken    ", "no result Rejected with a reason Broken"},
	{"every message is one that tandem writes", "README.md", `msg="new commit"`, `msg="a commit"`, `nothing logs "a commit"`},

	{"the unit is hardened and fits the program", unitName, "ProtectSystem=strict", "ProtectSystem=full", "lacks ProtectSystem=strict"},
	{"the unit is hardened and fits the program", unitName, "NoNewPrivileges=yes\n", "", "lacks NoNewPrivileges=yes"},
	{"the unit is hardened and fits the program", unitName, "ProtectHome=yes\n", "ProtectHome=yes\nProtectHome=no\n", "says ProtectHome= 2 times"},
	{"the unit is hardened and fits the program", unitName, "StateDirectory=tandem", "StateDirectory=tandem-state", "the default of state is"},
	{"the unit is hardened and fits the program", unitName, "ConfigurationDirectory=nginx/tandem", "ConfigurationDirectory=nginx", "the default of nginx.dir is"},
	{"the unit is hardened and fits the program", unitName, "ReadWritePaths=/etc/nginx/tandem", "ReadWritePaths=/etc/nginx", `lacks "/etc/nginx/tandem"`},
	{"the unit is hardened and fits the program", unitName, " -/var/cache/nginx", " -/var/cache/nginx /srv", `has "/srv"`},
	{"the unit is hardened and fits the program", unitName, " -/run/dbus", " -/run/docker.sock", "hides the Docker socket"},
	{"the unit is hardened and fits the program", unitName, "DOCKER_CONFIG=", "TANDEM_REPO_URI=", "nobody reads the variable TANDEM_REPO_URI"},
	{"the unit is hardened and fits the program", unitName, "ExitStatus=78", "ExitStatus=79", "there is no exit code 79"},
	{"the unit is hardened and fits the program", unitName, "tandem run", "tandem run --setings=/x", "no flag --setings"},
	{"the unit is hardened and fits the program", unitName, "/usr/local/bin/tandem run", "/usr/bin/tandem run", "want /usr/local/bin/tandem run"},

	{"every direct dependency has its reason", dependenciesName, "| `github.com/google/shlex` |", "| `github.com/google/shell` |", `lacks "github.com/google/shlex"`},
	{"every direct dependency has its reason", dependenciesName, "Docker's own reading of an image name.", "", "github.com/distribution/reference has no reason"},

	{"the licences are those of what is in the binary", licensesName, "| `github.com/spf13/cobra` | `v1.", "| `github.com/spf13/cobra` | `v0.", `lacks "github.com/spf13/cobra v1.`},
	{"the licences are those of what is in the binary", licensesName, "| `github.com/spf13/pflag` |", "| `github.com/spf13/flag` |", `has "github.com/spf13/flag`},
	{"the licences are those of what is in the binary", licensesName, "| BSD-3-Clause |", "|  |", "has no licence"},
}

func TestEveryCheckCanFail(t *testing.T) {
	f := newFacts(t, filepath.Join("..", "..", ".."))
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
