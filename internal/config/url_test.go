package config

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"
)

func TestURL_NothingPrintsACredential(t *testing.T) {
	for _, raw := range []string{
		"https://bob:hunter2@git.example.com/acme/deploy.git",
		"https://hunter2@git.example.com/acme/deploy.git",
		"https://bob:hun/hunter2@git.example.com/acme/deploy.git",
		"https://bob:a@hunter2@git.example.com/acme/deploy.git",
		"https://bob:hunter2@git.example.com",
		"https://git.example.com/acme/deploy.git?token=hunter2",
		"https://git.example.com/acme/deploy.git#hunter2",
		"https://bob:%zz/hunter2@git.example.com/x",
		"ssh://git:hunter2@git.example.com/acme/deploy.git",
		"git:hunter2@git.example.com:acme/deploy.git",
		"bob:hunter2@git.example.com/acme/deploy.git",
		"HTTPS://hunter2@git.example.com/acme",
	} {
		t.Run(raw, func(t *testing.T) {
			u := URL(raw)
			c := Default()
			c.Repo.URL = u
			var log bytes.Buffer
			slog.New(slog.NewTextHandler(&log, nil)).Info("x", "url", u, "repo", c.Repo)
			slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "url", u, "config", c)
			encoded, err := json.Marshal(c)
			if err != nil {
				t.Fatal(err)
			}
			all := fmt.Sprintf("%v %+v %#v %s %q %v %+v %#v", u, u, u, u, u, c, c, c) + log.String() + string(encoded) + messages(c.Validate())
			if strings.Contains(all, "hunter2") {
				t.Errorf("a credential is printed:\n%s", all)
			}
			if err := c.Validate(); err == nil {
				t.Error("the URL is accepted")
			}
			if u.Raw() != raw {
				t.Errorf("Raw is %q", u.Raw())
			}
		})
	}
}

func TestURL_WithoutACredentialIsPrintedAsItIs(t *testing.T) {
	for raw, want := range map[string]transport{
		"https://git.example.com/acme/deploy.git":        transportHTTP,
		"http://127.0.0.1:3000/acme/deploy":              transportHTTP,
		"ssh://git@git.example.com:2222/acme/deploy.git": transportSSH,
		"git@git.example.com:acme/deploy.git":            transportSSH,
		"git.example.com:acme/deploy.git":                transportSSH,
		"git@[::1]:deploy.git":                           transportSSH,
		"/srv/git/deploy.git":                            transportLocal,
		"./deploy.git":                                   transportLocal,
		"../deploy.git":                                  transportLocal,
		"/srv/a@b/deploy.git":                            transportLocal,
		"file:///srv/git/deploy.git":                     transportLocal,
	} {
		got, wrong := URL(raw).transport()
		if got != want || wrong != "" || URL(raw).String() != raw {
			t.Errorf("%s: %q (%s), printed as %s; want %q", raw, got, wrong, URL(raw), want)
		}
	}
}
