package config

import (
	"net/url"
	"slices"
	"strings"

	"tandem/internal/lib/giturl"
)

// forge checks what commit statuses need. What is set without a token would
// silently not be used.
func (v *validator) forge() {
	f := v.config.Forge
	if !slices.Contains([]string{ForgeAuto, ForgeGitHub, ForgeGitLab, ForgeGitea, ForgeNone}, f.Kind) {
		v.fault("forge.kind", "want auto, github, gitlab, gitea (Forgejo too) or none, got %q", f.Kind)
		return
	}
	if wrong := forgeURLFault(f.URL); f.URL != "" && wrong != "" {
		v.fault("forge.url", "%s", wrong)
	}
	switch {
	case f.Kind == ForgeNone:
		return
	case f.TokenFile == "" && f.Kind != ForgeAuto:
		v.fault("forge.token_file", "is missing; name a file with a token of %s that may set commit statuses", f.Kind)
	case f.TokenFile == "" && f.URL != "":
		v.fault("forge.token_file", "is missing; name a file with a token that may set commit statuses")
	case f.TokenFile != "":
		v.forgeOf(v.config.Repo.URL)
	}
}

// forgeOf checks that the repository is where statuses can be posted to.
func (v *validator) forgeOf(repo URL) {
	how, wrong := repo.transport()
	switch {
	case wrong != "": // reported at repo.url
	case how == transportLocal:
		v.fault("forge.token_file", "repo.url is a local path, which has no commit statuses; remove it")
	case v.config.ForgeKind() == ForgeNone:
		v.fault("forge.kind", "cannot be told from %s; write github, gitlab or gitea (Forgejo too)", repo)
	case v.config.Forge.URL == "" && repo.plain():
		v.fault("forge.token_file", "would be sent unencrypted to %s; use https, or name the API in forge.url", repo)
	}
}

// forgeURLFault never repeats the URL: it may hold a password.
func forgeURLFault(s string) string {
	const want = "want the base of the API, such as https://git.example.com/api/v1"
	u, err := url.Parse(s)
	switch {
	case err != nil, u.Scheme != "https" && u.Scheme != "http", u.Hostname() == "",
		strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r == 0x7f }):
		return want
	case u.User != nil, strings.ContainsAny(s, "?#"):
		return want + ", without a user, a ? or a #"
	case u.Scheme == "http" && !giturl.Loopback(u.Hostname()):
		return "the token would be sent unencrypted; use https"
	}
	return ""
}
