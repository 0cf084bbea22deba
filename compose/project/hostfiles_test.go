package project_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tandem/compose/project"
	"tandem/internal/harness/testbed/tb"
	"tandem/internal/lib/overlay"
	"tandem/reconciler/deploy"
)

const hostCompose = `services:
  api:
    image: shop:${TAG}
    ports: ["${API_PORT}:3000"]
    env_file: [./app.env]
    environment: {URL: "postgres://u:${DB_PASSWORD}@db", MODE: "${MODE}"}
    secrets: [pem]
    volumes: ["./site.conf:/etc/site.conf"]
secrets: {pem: {file: ./keys/pem}}
`

// learning is a vault that notes what it learns.
type learning struct {
	tb.Vault
	values map[string]string
}

func (l learning) Add(name, value string) { l.values[value] = name }

// hostBed is an app whose host directory has files.
type hostBed struct {
	app   deploy.App
	apps  string
	key   string
	vault learning
}

func newHostBed(t *testing.T, files map[string]string) *hostBed {
	t.Helper()
	b := &hostBed{app: shop(t), apps: t.TempDir(), key: filepath.Join(t.TempDir(), "key"), vault: learning{values: map[string]string{}}}
	b.app.Env = map[string]string{"MODE": "from tandem.yaml"}
	for name, text := range files {
		b.write(t, name, text)
	}
	return b
}

func (b *hostBed) write(t *testing.T, name, text string) {
	t.Helper()
	full := filepath.Join(b.apps, "shop", name)
	if err := os.MkdirAll(filepath.Dir(full), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(full, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// load makes a copy of the app's files with those of the host over it, and loads it.
func (b *hostBed) load(t *testing.T, compose string) (*project.Resolution, error) {
	t.Helper()
	key, err := overlay.Key(b.key)
	if err != nil {
		t.Fatal(err)
	}
	dir := overlay.Dir{Path: filepath.Join(b.apps, "shop"), Key: key}
	version, err := dir.Version(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	b.app.Root = filepath.Join(t.TempDir(), "tree"+overlay.Suffix(version))
	put(t, b.app, map[string]string{"compose.yaml": compose, ".env": "DB_PASSWORD=from-git\n", "app.env": "TOKEN=from-git\n", "conf/site.conf": "x", "other/site.conf": "x"})
	if err := dir.Lay(t.Context(), version, b.app.Root); err != nil {
		t.Fatal(err)
	}
	return newLoader(t, project.LoaderOptions{AppsDir: b.apps, HostKey: b.key, Vault: b.vault}).Load(t.Context(), b.app)
}

func hostFilesOfShop() map[string]string {
	return map[string]string{
		".env": "DB_PASSWORD=hidden-password\nMODE=not this one\n", "app.env": "TOKEN=hidden-token\nLEVEL=debug\n",
		"keys/pem": "hidden-key\n", "site.conf": "user hidden-user;\n",
	}
}

func TestHostFiles_AreReadInThePlaceOfThoseInGit(t *testing.T) {
	b := newHostBed(t, hostFilesOfShop())
	r, err := b.load(t, hostCompose)
	if err != nil {
		t.Fatal(err)
	}
	written, err := r.ComposeFiles()
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range written {
		if strings.Contains(text, "hidden") || strings.Contains(text, "from-git") {
			t.Errorf("%s has a value:\n%s", name, text)
		}
	}
	r.SubstituteSecrets()
	p := r.Colored[deploy.Blue]
	api := p.Services["api"]
	for key, want := range map[string]string{"URL": "postgres://u:hidden-password@db", "TOKEN": "hidden-token", "LEVEL": "debug", "MODE": "from tandem.yaml"} {
		if got := api.Environment[key]; got == nil || *got != want {
			t.Errorf("%s is %v, want %s", key, got, want)
		}
	}
	if pem := p.Secrets["pem"]; pem.Content != "hidden-key\n" || pem.File != "" || pem.Environment == "" {
		t.Errorf("the secret is %+v", pem)
	}
	if v := api.Volumes[0]; v.Source != filepath.Join(b.apps, "shop", "site.conf") || !v.ReadOnly {
		t.Errorf("mounts %+v", v)
	}
	for _, value := range []string{"hidden-password", "hidden-token", "hidden-key\n", "user hidden-user;\n"} {
		if b.vault.values[value] == "" {
			t.Errorf("the vault does not know %q", value)
		}
	}
	data, err := os.ReadFile(b.app.Root + overlay.ManifestSuffix)
	if err != nil || strings.Contains(string(data), "hidden") {
		t.Errorf("the copy has a value: %v %s", err, data)
	}
}

func TestHostFiles_AChangedOneIsAnotherReleaseAndAnOldOneIsKept(t *testing.T) {
	b := newHostBed(t, hostFilesOfShop())
	first, err := b.load(t, hostCompose)
	if err != nil {
		t.Fatal(err)
	}
	old := b.app
	for _, name := range []string{".env", "app.env", "keys/pem", "site.conf"} {
		b.write(t, name, strings.ReplaceAll(hostFilesOfShop()[name], "hidden", "another"))
		r, err := b.load(t, hostCompose)
		if err != nil || r.Release == first.Release {
			t.Errorf("%s: the same release (%v)", name, err)
		}
		b.write(t, name, hostFilesOfShop()[name])
	}
	b.write(t, "unused", "whatever")
	if r, err := b.load(t, hostCompose); err != nil || r.Release != first.Release {
		t.Errorf("a file that nothing uses is another release (%v)", err)
	}
	b.write(t, "app.env", "TOKEN=another-token\n")
	r, err := newLoader(t, project.LoaderOptions{AppsDir: b.apps, HostKey: b.key, Vault: b.vault}).Load(t.Context(), old)
	if err != nil || r.Release != first.Release {
		t.Fatalf("an old release cannot be had any more: %v", err)
	}
	if r.SubstituteSecrets(); *r.Colored[deploy.Blue].Services["api"].Environment["TOKEN"] != "hidden-token" {
		t.Error("it has the new value")
	}
	// Another key gives another hash: nobody without it can try passwords.
	b.write(t, "app.env", hostFilesOfShop()["app.env"])
	b.key = filepath.Join(t.TempDir(), "key")
	if r, err := b.load(t, hostCompose); err != nil || r.Release == first.Release {
		t.Errorf("the hash does not depend on the key (%v)", err)
	}
}

func TestHostFiles_AMissingOneIsAFaultThatNamesItsPlace(t *testing.T) {
	app := shop(t)
	put(t, app, map[string]string{"compose.yaml": strings.Replace(hostCompose, "${DB_PASSWORD}", "x", 1)})
	app.Env = map[string]string{"MODE": "x"}
	_, err := newLoader(t, project.LoaderOptions{AppsDir: "/srv/apps"}).Load(t.Context(), app)
	for _, words := range []string{"/srv/apps/shop/app.env", "/srv/apps/shop/keys/pem", "SOPS"} {
		if err == nil || !strings.Contains(err.Error(), words) {
			t.Errorf("no word of %s in\n%v", words, err)
		}
	}
}

func TestHostFiles_NoMessageRepeatsWhatIsInThem(t *testing.T) {
	for name, c := range map[string]struct {
		files   map[string]string
		compose string
	}{
		"no variables in .env":        {map[string]string{".env": "hidden password = \"\n", "app.env": "A=1\n", "keys/pem": "x", "site.conf": "x"}, hostCompose},
		"no variables in an env file": {map[string]string{".env": "DB_PASSWORD=x\n", "app.env": "hidden password = \"\n", "keys/pem": "x", "site.conf": "x"}, hostCompose},
		"a secret in a command":       {hostFilesOfShop(), strings.Replace(hostCompose, "    secrets: [pem]\n", "    secrets: [pem]\n    command: [\"${DB_PASSWORD}\"]\n", 1)},
		"a secret in a port":          {hostFilesOfShop(), strings.Replace(hostCompose, "${API_PORT}:3000\"]", "${API_PORT}:3000\", \"${DB_PASSWORD}:4000\"]", 1)},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := newHostBed(t, c.files).load(t, c.compose)
			if _, ok := deploy.AsFaults(err); !ok || strings.Contains(err.Error(), "hidden") {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestHostFiles_OfThisMachineAreEnoughForValidate(t *testing.T) {
	b := newHostBed(t, hostFilesOfShop())
	put(t, b.app, map[string]string{"compose.yaml": strings.Replace(hostCompose, "site.conf\"]", "site.conf:ro\"]", 1)})
	loader := newLoader(t, project.LoaderOptions{AppsDir: b.apps, Elsewhere: true})
	r, err := loader.Load(t.Context(), b.app)
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range r.Notes {
		if strings.Contains(n.Text, "not checked here") {
			t.Errorf("note: %s", n)
		}
	}
	if err := os.Remove(filepath.Join(b.apps, "shop", "app.env")); err != nil {
		t.Fatal(err)
	}
	if _, err := loader.Load(t.Context(), b.app); err == nil || !strings.Contains(err.Error(), filepath.Join(b.apps, "shop", "app.env")) {
		t.Errorf("one that the directory lacks: %v", err)
	}
}

// TestHostFiles_InADirectoryThatIsMountedAsAWhole are told: the container would not see them.
func TestHostFiles_InADirectoryThatIsMountedAsAWhole(t *testing.T) {
	b := newHostBed(t, map[string]string{".env": "A=hidden-a\n", "conf/key.pem": "hidden-key\n"})
	const mounts = "services:\n  api:\n    image: shop:${TAG}\n    ports: [\"${API_PORT}:3000\"]\n    volumes: [\"DIR\"]\n"
	for dir, want := range map[string]string{"./conf:/conf": "./conf/key.pem:/conf/key.pem", ".:/app": "./conf/key.pem:/app/conf/key.pem", "./other:/x": ""} {
		_, err := b.load(t, strings.Replace(mounts, "DIR", dir, 1))
		if got := err != nil && strings.Contains(err.Error(), "mount the file by itself ("+want+")"); got != (want != "") || want == "" && err != nil {
			t.Errorf("%s: %v", dir, err)
		}
	}
}
