package gittest

import "testing"

// OpenBare is a Bare for a repository that something else made, so that it can
// be served.
func OpenBare(t testing.TB, path string) *Bare {
	t.Helper()
	g := newCommand(t)
	g.must(t, path, "config", "http.receivepack", "true")
	return &Bare{Path: path, git: g}
}
