package secrets

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"filippo.io/age"
	"github.com/google/go-cmp/cmp"

	"tandem/internal/harness/testbed"
	"tandem/reconciler/deploy"
)

const fixtures = "../lib/sops/testdata/"

// app has the named fixtures as its secrets, in its own directory.
func app(t *testing.T, names ...string) deploy.App {
	t.Helper()
	a := deploy.App{
		Name: "shop", Dir: "shop", File: "shop/tandem.yaml", Root: t.TempDir(), Secrets: names,
		Routes: []deploy.Route{{Name: "api"}},
	}
	for _, name := range names {
		if data, err := os.ReadFile(fixtures + name); err == nil {
			write(t, filepath.Join(a.Root, name), string(data), 0o644)
		}
	}
	return a
}

func write(t *testing.T, path, data string, mode os.FileMode) string {
	t.Helper()
	if err := os.WriteFile(path, []byte(data), mode); err != nil {
		t.Fatal(err)
	}
	return path
}

// keyFile is a copy of the test's key, as an agent would have it.
func keyFile(t *testing.T, name string) string {
	t.Helper()
	data, err := os.ReadFile(fixtures + name)
	if err != nil {
		t.Fatal(err)
	}
	return write(t, filepath.Join(t.TempDir(), "age.txt"), string(data), 0o600)
}

func TestOpen_ReturnsTheVariablesAndHidesTheirValues(t *testing.T) {
	t.Parallel()
	v := New(keyFile(t, "key.txt"))
	list, err := v.Open(t.Context(), app(t, "encrypted-regex.env"))
	if err != nil {
		t.Fatal(err)
	}
	for i := range list {
		if list[i].Encrypted != strings.HasPrefix(list[i].Ciphertext, "ENC[") {
			t.Errorf("%s stands as %q", list[i].Name, list[i].Ciphertext)
		}
		list[i].Ciphertext = ""
	}
	want := []deploy.Secret{
		{Name: "DB_PASSWORD", File: "shop/encrypted-regex.env", Line: 1, Encrypted: true, Value: "correct horse battery staple"},
		{Name: "PORT", File: "shop/encrypted-regex.env", Line: 2, Value: "5432"},
	}
	if diff := cmp.Diff(want, list); diff != "" {
		t.Errorf("secrets (-want +got):\n%s", diff)
	}
	if got := v.Hide("login with correct horse battery staple"); got != "login with [secret DB_PASSWORD]" {
		t.Errorf("hidden as %q", got)
	}
}

var keyPattern = regexp.MustCompile(`AGE-SECRET-KEY-1[A-Z0-9]`)

func TestOpen_RefusesWithFileLineAndAdvice(t *testing.T) {
	t.Parallel()
	good := keyFile(t, "key.txt")
	open := keyFile(t, "key.txt")
	if err := os.Chmod(open, 0o644); err != nil {
		t.Fatal(err)
	}
	noKey := write(t, filepath.Join(t.TempDir(), "a"), "planted-but-no-key\n", 0o600)
	outside := app(t, "out.env")
	if err := os.Symlink(write(t, filepath.Join(t.TempDir(), "x.env"), "A=planted\n", 0o600), filepath.Join(outside.Root, "out.env")); err != nil {
		t.Fatal(err)
	}
	directory := app(t, "dir.env")
	if err := os.Mkdir(filepath.Join(directory.Root, "dir.env"), 0o755); err != nil {
		t.Fatal(err)
	}
	plain := app(t, "plain.env")
	write(t, filepath.Join(plain.Root, "plain.env"), "DB_PASSWORD=planted\n", 0o644)
	env := app(t, "all.env")
	env.Env = map[string]string{"HASH": "x"}
	route := app(t, "all.yaml")
	route.Routes[0].Name = "db" // DB_PORT is not in it, PORT is
	for name, c := range map[string]struct {
		app  deploy.App
		key  string
		want string
	}{
		"no key is configured":   {app(t, "all.env"), "", "shop/tandem.yaml: secrets: this host's agent has no age key"},
		"the key is not there":   {app(t, "all.env"), "/nowhere/age.txt", "shop/tandem.yaml: secrets: the agent's age key cannot be read"},
		"others may use the key": {app(t, "all.env"), open, "everyone on this host may use the agent's age key (mode 0644)"},
		"it is no key":           {app(t, "all.env"), noKey, "holds no age keys"},
		"it is another key":      {app(t, "other-key.env"), good, "shop/other-key.env: the file is not encrypted for this key"},
		"there is no file":       {app(t, "none.env"), good, `shop/tandem.yaml: secrets[0]: none.env does not exist in "shop"`},
		"it leads out":           {outside, good, "shop/tandem.yaml: secrets[0]: out.env cannot be read: it must be a file in the app's directory"},
		"it is a directory":      {directory, good, "secrets[0]: dir.env cannot be read"},
		"it is not encrypted":    {plain, good, "shop/plain.env: the file is not encrypted"},
		"env has the name":       {env, good, "shop/all.env:6: HASH: env in shop/tandem.yaml has HASH too"},
		"two files have it":      {app(t, "all.env", "encrypted-regex.env"), good, "shop/encrypted-regex.env:1: DB_PASSWORD: shop/all.env has DB_PASSWORD too (line 2)"},
		"several at once":        {app(t, "none.env", "other-key.env"), good, "secrets[0]: none.env does not exist in \"shop\": add it, or name the right file\nshop/other-key.env: "},
	} {
		_, err := New(c.key).Open(t.Context(), c.app)
		if _, ok := deploy.AsFaults(err); !ok || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got\n%v\nwant faults with\n%s", name, err, c.want)
		}
		if err != nil && (strings.Contains(err.Error(), "planted") || keyPattern.MatchString(err.Error())) {
			t.Errorf("%s: the message repeats what it must not: %v", name, err)
		}
	}
}

func TestClashes_NamesThatCannotBeVariables(t *testing.T) {
	t.Parallel()
	a := deploy.App{Routes: []deploy.Route{{Name: "api"}}}
	for name, want := range map[string]string{
		"TAG": "tandem sets TAG itself, from tag", "COLOR": "tandem sets COLOR itself", "API_PORT": "from the ports of the route api",
		"COMPOSE_PROFILES": "begin with COMPOSE_", "has space": "want a variable's name", "1A": "want a variable's name",
	} {
		faults := clashes(a, []deploy.Secret{{Name: name, File: "s.env", Line: 3}})
		if len(faults) != 1 || !strings.HasPrefix(faults[0].String(), "s.env:3: "+name+": ") || !strings.Contains(faults[0].Text, want) {
			t.Errorf("%s: got %v, want %q", name, faults, want)
		}
	}
	if faults := clashes(a, []deploy.Secret{{Name: "DB_PASSWORD"}, {Name: "_x"}}); faults != nil {
		t.Errorf("good names: %v", faults)
	}
}

// A key that is replaced counts at the next look, and several keys count at once.
func TestOpen_ReadsTheKeyAnew(t *testing.T) {
	t.Parallel()
	key := keyFile(t, "key.txt")
	v, a := New(key), app(t, "other-key.env")
	if _, err := v.Open(t.Context(), a); err == nil {
		t.Fatal("opened with another key")
	}
	other, err := os.ReadFile(fixtures + "other.txt")
	if err != nil {
		t.Fatal(err)
	}
	both, err := os.ReadFile(key)
	if err != nil {
		t.Fatal(err)
	}
	write(t, key, string(both)+string(other), 0o600)
	for _, a := range []deploy.App{a, app(t, "all.env")} {
		if _, err := v.Open(t.Context(), a); err != nil {
			t.Error(err)
		}
	}
}

func TestNewClosed_ChecksWithoutAKey(t *testing.T) {
	t.Parallel()
	list, err := NewClosed().Open(t.Context(), app(t, "all.env", "other-key.env"))
	if err == nil || !strings.Contains(err.Error(), "DB_PASSWORD too") || list != nil {
		t.Errorf("got %v, %v: want the clash of the two files", list, err)
	}
	list, err = NewClosed().Open(t.Context(), app(t, "other-key.env"))
	if err != nil || len(list) != 1 || list[0].Name != "DB_PASSWORD" || list[0].Value != "" {
		t.Errorf("got %v, %v: want the name, and no value", list, err)
	}
}

// The tests' own writer makes what sops makes.
func TestOpen_ReadsWhatTheTestbedWrites(t *testing.T) {
	t.Parallel()
	identity, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	data, err := testbed.SOPSDotenv(identity.Recipient(), testbed.Variable{Name: "A", Value: "one"}, testbed.Variable{Name: "B", Value: "a=b c"})
	if err != nil {
		t.Fatal(err)
	}
	a := app(t, "a.env")
	write(t, filepath.Join(a.Root, "a.env"), string(data), 0o644)
	list, err := New(write(t, filepath.Join(t.TempDir(), "age"), identity.String()+"\n", 0o600)).Open(t.Context(), a)
	if err != nil || len(list) != 2 || list[0].Value != "one" || list[1].Value != "a=b c" {
		t.Errorf("got %v, %v", list, err)
	}
}
