package giturl

import (
	"strings"
	"testing"
)

func TestParse_TakesApartWhatGitTakes(t *testing.T) {
	for raw, want := range map[string][4]string{ // scheme, user, host, path
		"https://git.example.com:8443/a/b.git": {HTTPS, "", "git.example.com:8443", "/a/b.git"},
		"https://me:secret@git.example.com/a/": {HTTPS, "me", "git.example.com", "/a/"},
		"git@git.example.com:acme/deploy.git":  {SSH, "git", "git.example.com", "acme/deploy.git"},
		"git.example.com:/srv/deploy.git":      {SSH, "", "git.example.com", "/srv/deploy.git"},
		"ssh://me@git.example.com:2222/deploy": {SSH, "me", "git.example.com:2222", "/deploy"},
		"git@[::1]:deploy":                     {SSH, "git", "[::1]", "deploy"},
		"/srv/deploy.git":                      {File, "", "", "/srv/deploy.git"},
		"file:///srv/deploy.git":               {File, "", "", "/srv/deploy.git"},
		"./a:b":                                {File, "", "", "./a:b"},
	} {
		u, err := Parse(raw)
		if err != nil {
			t.Errorf("%s: %v", raw, err)
			continue
		}
		if got := [4]string{u.Scheme, u.User.Username(), u.Host, u.Path}; got != want {
			t.Errorf("%s: %q, want %q", raw, got, want)
		}
	}
}

func TestParse_RefusesTheRestWithoutRepeatingIt(t *testing.T) {
	for raw, want := range map[string]string{
		"":                           "needed",
		"ftp://me:secret@h/a":        "ftp:// is not supported",
		"https://me:secret@h":        "needs a host and a path",
		"https://h/a?token=secret":   "query",
		"https://me:sec ret\x7f@h/a": "cannot be read",
		"ssh://me:secret@h/a":        "a key, not a password",
		"file://host/a":              "file URL has no host",
	} {
		if _, err := Parse(raw); err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "sec") {
			t.Errorf("%s: %v, want %q", raw, err, want)
		}
	}
}

func TestPlain_IsHTTPToAnotherMachine(t *testing.T) {
	for raw, want := range map[string]bool{
		"http://git.example.com/a": true, "http://10.0.0.1/a": true, "https://git.example.com/a": false,
		"http://localhost:3000/a": false, "http://127.0.0.1/a": false, "http://[::1]:3000/a": false, "/srv/a": false,
	} {
		if u, err := Parse(raw); err != nil || Plain(u) != want {
			t.Errorf("%s: %v", raw, err)
		}
	}
}
