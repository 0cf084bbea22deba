package forge

import (
	"strings"
	"testing"
)

func TestNewSite_FindsTheAPIFromTheRepositorysURL(t *testing.T) {
	for _, c := range []struct{ kind, api, repo, wantAPI, wantPath string }{
		{GitHub, "", "https://github.com/acme/deploy.git", "https://api.github.com", "acme/deploy"},
		{GitHub, "", "git@github.com:acme/deploy.git", "https://api.github.com", "acme/deploy"},
		{GitHub, "", "github.com:acme/deploy", "https://api.github.com", "acme/deploy"},
		{GitHub, "", "ssh://git@GitHub.com:22/acme/deploy.git/", "https://api.github.com", "acme/deploy"},
		{GitHub, "", "https://git.example.com/acme/deploy", "https://git.example.com/api/v3", "acme/deploy"},
		{GitHub, "https://api.acme.ghe.example/", "git@git.example.com:acme/deploy.git", "https://api.acme.ghe.example", "acme/deploy"},
		{GitLab, "", "https://gitlab.com/acme/web/deploy.git", "https://gitlab.com/api/v4", "acme/web/deploy"},
		{GitLab, "", "ssh://git@git.example.com:2222/acme/deploy.git", "https://git.example.com/api/v4", "acme/deploy"},
		{GitLab, "", "ssh://git@[::1]:2222/acme/deploy.git", "https://[::1]/api/v4", "acme/deploy"},
		{Gitea, "", "https://codeberg.org/acme/deploy.git", "https://codeberg.org/api/v1", "acme/deploy"},
		{Gitea, "", "http://127.0.0.1:3000/acme/deploy.git", "http://127.0.0.1:3000/api/v1", "acme/deploy"},
		{Gitea, "https://git.example.com/sub/api/v1", "https://git.example.com/acme/deploy.git", "https://git.example.com/sub/api/v1", "acme/deploy"},
		{Gitea, "", "git@[::1]:acme/deploy.git", "https://[::1]/api/v1", "acme/deploy"},
	} {
		got, err := newSite(c.kind, c.api, c.repo)
		if err != nil || got.api != c.wantAPI || got.path != c.wantPath {
			t.Errorf("%s %q %s: got %q %q (%v), want %q %q", c.kind, c.api, c.repo, got.api, got.path, err, c.wantAPI, c.wantPath)
		}
	}
}

func TestNewSite_RefusesWhatHasNoStatuses(t *testing.T) {
	for _, c := range []struct{ kind, repo string }{
		{GitHub, "/srv/deploy.git"}, {GitHub, "./deploy.git"}, {Gitea, "file:///srv/acme/deploy.git"},
		{GitHub, "https://github.com/deploy.git"}, {GitHub, "https://github.com/"}, {Gitea, "https://u:hunter2@/a/b"},
		{Gitea, "https://git.example.com/a/../b"}, {GitHub, "https://github.com/acme/web/deploy"}, {Gitea, "https://u:hunter2@h:port/a/b"},
		{"", "https://github.com/acme/deploy"}, {"bitbucket", "https://github.com/acme/deploy"}, {GitLab, "git@git.example.com:~ada/deploy.git"},
	} {
		_, err := newSite(c.kind, "", c.repo)
		if err == nil || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%q %s: got %v, want an error without the URL", c.kind, c.repo, err)
		}
	}
}
