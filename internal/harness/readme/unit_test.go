package readme

import (
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"

	"tandem/internal/config"
)

// unitName is the systemd unit that `make install` installs.
const unitName = "docs/tandem.service"

// hardening is what the unit has to say, whatever else it says.
var hardening = []string{
	"CapabilityBoundingSet=CAP_DAC_OVERRIDE CAP_NET_BIND_SERVICE",
	"LimitCORE=0",
	"LockPersonality=yes",
	"MemoryDenyWriteExecute=yes",
	"NoNewPrivileges=yes",
	"PrivateDevices=yes",
	"PrivateMounts=yes",
	"PrivateTmp=yes",
	"ProtectClock=yes",
	"ProtectControlGroups=yes",
	"ProtectHome=yes",
	"ProtectHostname=yes",
	"ProtectKernelLogs=yes",
	"ProtectKernelModules=yes",
	"ProtectKernelTunables=yes",
	"ProtectSystem=strict",
	"RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6",
	"RestrictNamespaces=yes",
	"RestrictRealtime=yes",
	"RestrictSUIDSGID=yes",
	"StateDirectoryMode=0700",
	"SystemCallArchitectures=native",
	"SystemCallFilter=@system-service",
	"SystemCallFilter=~@privileged @resources",
}

// needs are the paths that Nginx writes when it tests its configuration; the
// agent's own are in its configuration.
var needs = []string{"/run", "/var/cache/nginx", "/var/lib/nginx", "/var/log/nginx"}

// checkUnit compares the unit with what is promised of it, and with what the
// program takes and does by default.
func checkUnit(t testing.TB, f facts, pages []page) []string {
	t.Helper()
	u := newUnit(find(pages, unitName))
	defaults := config.Default()
	var findings []string
	add := func(format string, args ...any) {
		findings = append(findings, unitName+": "+fmt.Sprintf(format, args...))
	}
	for _, want := range hardening {
		key, value, _ := strings.Cut(want, "=")
		if !slices.Contains(u[key], value) {
			add("lacks %s", want)
		}
		if times := slices.IndexFunc(hardening, func(h string) bool { return strings.HasPrefix(h, key+"=") && h != want }); times < 0 && len(u[key]) > 1 {
			add("says %s= %d times: a later one adds to it or takes it back", key, len(u[key]))
		}
	}
	if got := prefixed("/var/lib", u["StateDirectory"]); !slices.Equal(got, []string{defaults.State}) {
		add("StateDirectory= gives %q, the default of state is %s", got, defaults.State)
	}
	if got := prefixed("/etc", u["ConfigurationDirectory"]); !slices.Equal(got, []string{defaults.Nginx.Dir}) {
		add("ConfigurationDirectory= gives %q, the default of nginx.dir is %s", got, defaults.Nginx.Dir)
	}
	findings = append(findings, differences(unitName+": ReadWritePaths=", u.paths("ReadWritePaths"), append([]string{defaults.Nginx.Dir}, needs...))...)
	socket := strings.TrimPrefix(defaults.Docker.Host, "unix://")
	for _, hidden := range u.paths("InaccessiblePaths") {
		if strings.HasPrefix(strings.Replace(socket, "/var/run/", "/run/", 1)+"/", hidden+"/") {
			add("%s hides the Docker socket %s", hidden, socket)
		}
	}
	for _, variable := range u["Environment"] {
		name, value, _ := strings.Cut(variable, "=")
		if own := variableOf(f, name); !own && name != "DOCKER_CONFIG" {
			add("nobody reads the variable %s", name)
		} else if !own && path.Dir(value) != path.Dir(config.DefaultPath) {
			add("DOCKER_CONFIG is %s, which is not beside %s", value, config.DefaultPath)
		}
	}
	for _, code := range u["RestartPreventExitStatus"] {
		if !slices.ContainsFunc(f.exitCodes, func(row string) bool { return strings.HasPrefix(row, code+" ") }) {
			add("there is no exit code %s", code)
		}
	}
	return append(findings, checkExecStart(t, f, u["ExecStart"])...)
}

// checkExecStart looks for a command and flags that there are not.
func checkExecStart(t testing.TB, f facts, commands []string) []string {
	t.Helper()
	if len(commands) != 1 {
		return []string{fmt.Sprintf("%s: has %d lines ExecStart=, want one", unitName, len(commands))}
	}
	words := strings.Fields(commands[0])
	prefix := makePrefix.FindStringSubmatch(read(t, f.root, "Makefile"))
	if prefix == nil {
		return []string{"Makefile: no PREFIX says where the program is installed"}
	}
	installed := prefix[1] + "/bin/tandem"
	if len(words) < 2 || words[0] != installed || words[1] != "run" {
		return []string{fmt.Sprintf("%s: starts %q, want %s run", unitName, commands[0], installed)}
	}
	var findings []string
	for _, word := range words[2:] {
		flag, _, _ := strings.Cut(word, "=")
		if anyFlag.MatchString(flag) && !slices.Contains(slices.Concat(f.commands["run"], f.agentFlags, f.common), flag) {
			findings = append(findings, fmt.Sprintf("%s: tandem run has no flag %s", unitName, flag))
		}
	}
	return findings
}

var makePrefix = regexp.MustCompile(`(?m)^PREFIX +\?= (\S+)$`)

// unit holds the values of each directive, in the order of the file.
type unit map[string][]string

func newUnit(p page) unit {
	u := unit{}
	for _, l := range p.lines {
		if key, value, ok := strings.Cut(l.text, "="); ok && !strings.HasPrefix(l.text, "#") {
			u[key] = append(u[key], value)
		}
	}
	return u
}

// paths are those of a directive, without the - of one that may be missing.
func (u unit) paths(key string) []string {
	var all []string
	for word := range strings.FieldsSeq(strings.Join(u[key], " ")) {
		all = append(all, strings.TrimPrefix(word, "-"))
	}
	return all
}

func prefixed(dir string, names []string) []string {
	var all []string
	for _, n := range names {
		all = append(all, path.Join(dir, n))
	}
	return all
}

// variableOf tells whether the agent's configuration has the variable.
func variableOf(f facts, name string) bool {
	return slices.ContainsFunc(f.agentFlags, func(flag string) bool {
		return "TANDEM_"+strings.ToUpper(strings.ReplaceAll(strings.TrimPrefix(flag, "--"), "-", "_")) == name
	})
}
