package source

import (
	"path/filepath"
	"strings"
	"testing"
)

func TestAddress_IsShownWithoutCredentials(t *testing.T) {
	here, err := filepath.Abs(".")
	must(t, err)
	for raw, want := range map[string]string{
		"https://git.example.com/a/b.git":      "https://git.example.com/a/b.git",
		"https://me:secret@git.example.com/a/": "https://git.example.com/a",
		"http://token@127.0.0.1:8080/a":        "http://127.0.0.1:8080/a",
		"git@git.example.com:acme/deploy.git":  "ssh://git@git.example.com/acme/deploy.git",
		"git.example.com:deploy.git":           "ssh://git@git.example.com/deploy.git",
		"ssh://me@git.example.com:2222/deploy": "ssh://me@git.example.com:2222/deploy",
		"ssh://git.example.com/~me/deploy":     "ssh://git@git.example.com/~me/deploy",
		"git@[::1]:deploy":                     "ssh://git@[::1]/deploy",
		"/srv/deploy.git":                      "/srv/deploy.git",
		"file:///srv/deploy.git":               "/srv/deploy.git",
		"deploy.git":                           filepath.Join(here, "deploy.git"),
		"./a:b":                                filepath.Join(here, "a:b"),
	} {
		a, err := parseAddress(raw)
		if err != nil || a.String() != want {
			t.Errorf("%s: %q, %v; want %q", raw, a, err, want)
		}
	}
	for raw, want := range map[string]string{
		"":                           "needed",
		"ftp://me:secret@h/a":        "ftp:// is not supported",
		"git://h/a":                  "git:// is not supported",
		"https://me:secret@h":        "needs a host and a path",
		"https:///a":                 "needs a host and a path",
		"https://h/a?token=secret":   "query",
		"https://me:sec%ret@h/a":     "cannot be read",
		"https://me:sec ret\x7f@h/a": "cannot be read",
		"ssh://me:secret@h/a":        "a key, not a password",
		"file://host/a":              "file URL has no host",
	} {
		_, err := parseAddress(raw)
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "sec") {
			t.Errorf("%s: %v, want %q", raw, err, want)
		}
	}
}

func TestOptions_SayEverythingThatIsWrong(t *testing.T) {
	_, err := New(Options{Branch: "a..b", StatusBranch: "refs/heads/x", Apps: []string{"a[", "/b", "../c"}, Author: Author{Name: "<"}})
	if err == nil {
		t.Fatal("taken")
	}
	for _, want := range []string{"url: needed", `"a..b"`, `"refs/heads/x"`, `"a["`, `"/b"`, `"../c"`, "author"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%v does not say %s", err, want)
		}
	}
	if _, err := New(Options{URL: "https://h/a"}); err == nil || !strings.Contains(err.Error(), "cache directory") {
		t.Errorf("without a cache: %v", err)
	}
}

func TestGlob_MatchesWholePaths(t *testing.T) {
	for _, c := range []struct {
		pattern, name string
		want          bool
	}{
		{"**/tandem.yaml", "tandem.yaml", true},
		{"**/tandem.yaml", "a/tandem.yaml", true},
		{"**/tandem.yaml", "a/b/c/tandem.yaml", true},
		{"**/tandem.yaml", "a/xtandem.yaml", false},
		{"**/tandem.yaml", "tandem.yaml/a", false},
		{"apps/*/tandem.yaml", "apps/a/tandem.yaml", true},
		{"apps/*/tandem.yaml", "apps/tandem.yaml", false},
		{"apps/*/tandem.yaml", "apps/a/b/tandem.yaml", false},
		{"apps/**/tandem.yaml", "apps/tandem.yaml", true},
		{"apps/**/tandem.yaml", "apps/a/b/tandem.yaml", true},
		{"**/prod/**/t.y*ml", "a/prod/b/t.yml", true},
		{"**/prod/**/t.y*ml", "a/b/t.yml", false},
		{"a/**", "a", true},
		{"a/**", "a/b/c", true},
		{"tandem.yaml", "a/tandem.yaml", false},
	} {
		g, err := parseGlob(c.pattern)
		must(t, err)
		if got := g.match(c.name); got != c.want {
			t.Errorf("%s on %s: %v", c.pattern, c.name, got)
		}
	}
}
