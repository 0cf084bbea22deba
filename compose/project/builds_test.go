package project_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tandem/compose/project"
	"tandem/internal/harness/testbed/tb"
	"tandem/reconciler/deploy"
)

// built is an app with a service that is built from its directory, and its files.
func built(t *testing.T, build string, more map[string]string) deploy.App {
	t.Helper()
	app := shop(t)
	app.Build = true
	files := map[string]string{
		"compose.yaml":  "services:\n  api:\n    build: " + build + "\n    ports: [\"${API_PORT}:3000\"]\n",
		"Dockerfile":    "FROM scratch\nCOPY . /\n",
		"tandem.yaml":   "tag: 1",
		".dockerignore": "docs\n",
		"web/page.html": "one",
		"docs/read.me":  "one",
	}
	for name, text := range more {
		files[name] = text
	}
	put(t, app, files)
	return app
}

// TestLoad_TheReleaseIsWhatIsBuilt changes one file after the other.
func TestLoad_TheReleaseIsWhatIsBuilt(t *testing.T) {
	loader := newLoader(t, project.LoaderOptions{})
	app := built(t, "{context: ., dockerfile: Dockerfile, args: {LEVEL: \"${LEVEL}\"}}", nil)
	app.Env = map[string]string{"LEVEL": "3"}
	input := func() (string, string) {
		t.Helper()
		r, err := loader.Load(t.Context(), app)
		if err != nil {
			t.Fatal(err)
		}
		if len(r.Builds) != 1 || r.Builds[0].Service != "api" || r.Builds[0].Image != "shop-api:1.4.2" {
			t.Fatalf("builds are %+v", r.Builds)
		}
		return r.Builds[0].Input, r.Release.Hash
	}
	image, release := input()
	for _, c := range []struct {
		name, file, text string
		changes          bool
	}{
		{"what is left out", "docs/read.me", "two", false},
		{"tandem.yaml", "tandem.yaml", "tag: 2", false},
		{"a file", "web/page.html", "two", true},
		{"a new file", "web/more.html", "", true},
		{"the Dockerfile", "Dockerfile", "FROM scratch\n", true},
		{"what .dockerignore says", ".dockerignore", "docs\nweb\n", true},
	} {
		put(t, app, map[string]string{c.file: c.text})
		newImage, newRelease := input()
		if (newImage != image) != c.changes || (newRelease != release) != c.changes {
			t.Errorf("%s: another image is %v, another release %v, want %v", c.name, newImage != image, newRelease != release, c.changes)
		}
		image, release = newImage, newRelease
	}
	app.Env["LEVEL"] = "4"
	if newImage, newRelease := input(); newImage == image || newRelease == release {
		t.Error("another argument is no other image and release")
	}
	app.Tag = "2"
	app.Env["LEVEL"] = "3"
	r, err := loader.Load(t.Context(), app)
	if err != nil {
		t.Fatal(err)
	}
	if r.Builds[0].Input != image || r.Builds[0].Image != "shop-api:2" || r.Release.Hash == release {
		t.Errorf("with another tag it is %+v, release %s", r.Builds[0], r.Release)
	}
}

// TestLoad_RefusesABuildThatAsksForTheHost names what a build may not have, each with the
// line and with what to write instead.
func TestLoad_RefusesABuildThatAsksForTheHost(t *testing.T) {
	loader := newLoader(t, project.LoaderOptions{})
	for build, want := range map[string]string{
		"..":                           "services.api.build.context: .. leads out of the app's directory",
		"https://git.invalid/shop.git": "services.api.build.context: https://git.invalid/shop.git is not in this commit",
		"{context: ., dockerfile: ../Dockerfile}":         "leads out of the app's directory",
		"{context: ., dockerfile: gone}":                  "gone is not in git",
		"gone":                                            "gone is not in git",
		"{context: ., dockerfile: escape}":                "escape leads out of the app's directory",
		"{context: away}":                                 "away leads out of the app's directory",
		"{context: ., network: host}":                     "policy.allow list \"host-namespaces\"",
		"{context: ., network: shop_default}":             "a build is on no network of the app",
		"{context: ., ssh: [default]}":                    "there is no SSH agent here",
		"{context: ., entitlements: [security.insecure]}": "gets nothing of the host",
		"{context: ., privileged: true}":                  "gets nothing of the host",
		"{context: ., isolation: hyperv}":                 "no other isolation",
		"{context: ., additional_contexts: {more: /etc}}": "the engine builds from one directory",
		"{context: ., platforms: [linux/s390x]}":          "this host builds for linux/",
		"{context: ., labels: {dev.tandem.built: other}}": "set by tandem",
		"{context: ., args: {COLOR: \"${COLOR}\"}}":       "blue and green would be built differently",
		"{context: ., dockerfile: empty}":                 "the Dockerfile is empty",
	} {
		app := built(t, build, map[string]string{"empty": "\n"})
		outside := t.TempDir()
		if err := os.WriteFile(filepath.Join(outside, "Dockerfile"), []byte("FROM scratch\n"), 0o644); err != nil {
			t.Fatal(err)
		}
		for name, to := range map[string]string{"escape": filepath.Join(outside, "Dockerfile"), "away": outside} {
			if err := os.Symlink(to, filepath.Join(app.Root, name)); err != nil {
				t.Fatal(err)
			}
		}
		_, err := loader.Load(t.Context(), app)
		faults, refused := deploy.AsFaults(err)
		if !refused || !strings.Contains(faults.Error(), want) || !strings.Contains(faults.Error(), "compose.yaml:") || strings.Contains(faults.Error(), outside) {
			t.Errorf("build: %s\n  is %v\n  want %q", build, err, want)
		}
	}
}

// TestLoad_NoSecretIsGivenToABuildForGood has one in an argument, where each image keeps it.
func TestLoad_NoSecretIsGivenToABuildForGood(t *testing.T) {
	loader := newLoader(t, project.LoaderOptions{Vault: tb.Vault{"TOKEN": tb.Planted}})
	app := built(t, "{context: ., args: {TOKEN: \"${TOKEN}\"}}", nil)
	app.Secrets = []string{"secrets.env"}
	_, err := loader.Load(t.Context(), app)
	if err == nil || !strings.Contains(err.Error(), "every image keeps what it was built with") {
		t.Errorf("it is %v", err)
	}
}
