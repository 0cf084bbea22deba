package config

import (
	"fmt"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

func (v *validator) repo() {
	r := v.config.Repo
	if _, wrong := r.URL.transport(); wrong != "" {
		v.fault("repo.url", "%s", wrong)
	}
	v.branch("repo.branch", r.Branch)
	if len(r.Apps) == 0 {
		v.fault("repo.apps", `is empty; write where the apps are, such as ["**/tandem.yaml"]`)
	}
	for i, pattern := range r.Apps {
		if wrong := globFault(pattern); wrong != "" {
			v.fault(fmt.Sprintf("repo.apps[%d]", i), "%s, got %q", wrong, pattern)
		}
	}
	if err := r.Poll.check(); err != nil {
		v.fault("repo.poll", "%v", err)
	}
}

// auth refuses what would silently not be used: somebody wrote it for a reason.
func (v *validator) auth() {
	a := v.config.Repo.Auth
	how, wrong := v.config.Repo.URL.transport()
	if wrong != "" {
		return
	}
	v.onlyFor(transportSSH, how, "repo.auth.ssh_key", a.SSHKey)
	v.onlyFor(transportSSH, how, "repo.auth.known_hosts", a.KnownHosts)
	v.onlyFor(transportHTTP, how, "repo.auth.username", a.Username)
	v.onlyFor(transportHTTP, how, "repo.auth.token_file", a.TokenFile)
	switch {
	case how == transportSSH:
		if a.SSHKey == "" {
			v.fault("repo.auth.ssh_key", "is missing; name the file with the private key for %s", v.config.Repo.URL)
		}
		if a.KnownHosts == "" {
			v.fault("repo.auth.known_hosts", "is missing; name a file with the server's key (ssh-keyscan HOST writes it; compare it with what the server's owner says)")
		}
	case a.TokenFile != "" && v.config.Repo.URL.plain():
		v.fault("repo.auth.token_file", "would be sent unencrypted to %s; use https", v.config.Repo.URL)
	case how == transportHTTP && a.Username != "" && a.TokenFile == "":
		v.fault("repo.auth.token_file", "is missing; repo.auth.username alone proves nothing")
	}
}

func (v *validator) onlyFor(needs, has transport, key, value string) {
	if value != "" && needs != has {
		v.fault(key, "is for %s, but repo.url is %s; remove it", needs, has)
	}
}

func (v *validator) status() {
	s := v.config.Status
	v.branch("status.branch", s.Branch)
	if wrong := statusPathFault(s.Path); wrong != "" {
		v.fault("status.path", "%s, got %q", wrong, s.Path)
		return
	}
	name := path.Base(s.File("app", "host"))
	for _, pattern := range v.config.Repo.Apps {
		same, err := path.Match(path.Base(pattern), name)
		if s.Branch == v.config.Repo.Branch && err == nil && same {
			v.fault("status.path", "%q would be read as an app (repo.apps has %q) on the same branch; take another name", s.Path, pattern)
			return
		}
	}
}

var placeholder = regexp.MustCompile(`\{[^}]*\}?|\}`)

func statusPathFault(s string) string {
	for _, p := range placeholder.FindAllString(s, -1) {
		if p != "{app}" && p != "{host}" {
			return "only {app} and {host} stand for something"
		}
	}
	switch {
	case !strings.Contains(s, "{app}"):
		return "want {app} in it, else all apps would share one file"
	case strings.HasPrefix(s, "/") || strings.Contains(s, `\`) || path.Clean(s) != s || strings.HasPrefix(s, "../"):
		return "want a path inside the repository, without . and .."
	case slices.Contains(strings.Split(s, "/"), ".git"):
		return "want a path that Git can hold"
	case path.Base(s) == "tandem.yaml":
		return "want another name than that of the desired state"
	}
	return ""
}

// globFault says what is wrong with a pattern of source: ** stands alone for
// directories, the rest is as in path.Match.
func globFault(pattern string) string {
	if strings.HasPrefix(pattern, "/") {
		return "want a pattern relative to the repository, without / at its start"
	}
	segments := strings.Split(pattern, "/")
	for _, s := range segments {
		if s == "" || s == "." || s == ".." {
			return "want a pattern such as **/tandem.yaml, without empty parts, . and .."
		}
		if _, err := path.Match(s, ""); err != nil {
			return "want a pattern such as **/tandem.yaml, with every [ closed"
		}
	}
	if segments[len(segments)-1] == "**" {
		return "want the name of a file at the end, such as **/tandem.yaml"
	}
	return ""
}

func (v *validator) branch(key, name string) {
	switch {
	case name == "":
		v.fault(key, "is empty; write the name of a branch")
	case strings.HasPrefix(name, "refs/"):
		v.fault(key, "want the name of a branch without refs/heads/, got %q", name)
	case !branchName(name):
		v.fault(key, "want the name of a branch, got %q", name)
	}
}

// branchName follows git check-ref-format, and wants all of the name to be seen: two
// branches must not look like one.
func branchName(s string) bool {
	if s == "HEAD" || s == "@" || strings.HasPrefix(s, "-") || strings.HasSuffix(s, ".") || len(s) > 200 ||
		strings.Contains(s, "..") || strings.Contains(s, "@{") || strings.ContainsAny(s, " ~^:?*[\\\x7f") ||
		strings.ContainsFunc(s, func(r rune) bool { return !strconv.IsPrint(r) }) {
		return false
	}
	for part := range strings.SplitSeq(s, "/") {
		if part == "" || strings.HasPrefix(part, ".") || strings.HasSuffix(part, ".lock") {
			return false
		}
	}
	return true
}
