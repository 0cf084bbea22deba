package config

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/pflag"

	"tandem/reconciler/deploy"
)

// messages is what a person reads; "" when there is nothing to complain about.
func messages(err error) string {
	if err == nil {
		return ""
	}
	return err.Error() + "\n"
}

func writeFile(t *testing.T, path, content string, mode os.FileMode) string {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil { // the umask may have taken bits away
		t.Fatal(err)
	}
	return path
}

func agentYAML(t *testing.T, content string) string {
	t.Helper()
	return writeFile(t, filepath.Join(t.TempDir(), "agent.yaml"), content, 0o644)
}

func variables(v map[string]string) func(string) (string, bool) {
	return func(name string) (string, bool) {
		text, ok := v[name]
		return text, ok
	}
}

func flags(t *testing.T, args ...string) *pflag.FlagSet {
	t.Helper()
	fs := pflag.NewFlagSet("tandem", pflag.ContinueOnError)
	BindFlags(fs)
	if err := fs.Parse(args); err != nil {
		t.Fatal(err)
	}
	return fs
}

// TestLoad_BadFiles reads each bad/<case>.yaml and wants exactly the messages of
// <case>.want. None may repeat a credential.
func TestLoad_BadFiles(t *testing.T) {
	t.Chdir("testdata/bad")
	files, err := filepath.Glob("*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	wants, err := filepath.Glob("*.want")
	if err != nil {
		t.Fatal(err)
	}
	if len(files) < 40 || len(files) != len(wants) {
		t.Fatalf("%d bad files and %d expectations: want at least 40 pairs", len(files), len(wants))
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(file, ".yaml"), func(t *testing.T) {
			want, err := os.ReadFile(strings.TrimSuffix(file, ".yaml") + ".want")
			if err != nil {
				t.Fatal(err)
			}
			_, err = Load(file, nil, nil)
			if diff := cmp.Diff(string(want), messages(err)); diff != "" {
				t.Errorf("messages (-want +got):\n%s", diff)
			}
			if strings.Contains(messages(err), "hunter2") {
				t.Errorf("the messages repeat a credential")
			}
			var faults deploy.Faults
			if !errors.As(err, &faults) {
				t.Errorf("the error is %T, want deploy.Faults", err)
			}
		})
	}
}

// The defaults are those that the documentation prints.
func TestLoad_SmallestFileHasTheDocumentedDefaults(t *testing.T) {
	got, err := Load("testdata/good/smallest.yaml", nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	want := Config{
		Repo: Repo{
			URL: "/srv/deploy.git", Branch: "main", Apps: []string{"**/tandem.yaml"}, Poll: Poll{Every: 10 * time.Second},
		},
		Status: Status{Branch: "tandem-status", Path: "{app}.yaml"},
		Nginx:  Nginx{Dir: "/etc/nginx/tandem", Switch: "flip", Command: "nginx", Confirm: "127.0.0.1:8485"},
		Docker: Docker{Host: "unix:///var/run/docker.sock", MinFree: 1 << 30, Ports: deploy.PortRange{First: 21000, Last: 21999}},
		Apps:   "/etc/tandem/apps",
		Forge:  Forge{Kind: "auto"},
		Listen: "127.0.0.1:8484",
		State:  "/var/lib/tandem",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("Config (-want +got):\n%s", diff)
	}
}

func TestLoad_CompleteFile(t *testing.T) {
	dir := t.TempDir()
	key := writeFile(t, filepath.Join(dir, "id_ed25519"), "key", 0o600)
	hosts := writeFile(t, filepath.Join(dir, "known_hosts"), "host", 0o644)
	secret := writeFile(t, filepath.Join(dir, "webhook"), "secret", 0o640)
	token := writeFile(t, filepath.Join(dir, "forge"), "token", 0o600)
	access := writeFile(t, filepath.Join(dir, "api"), "token", 0o600)
	got, err := Load(agentYAML(t, fmt.Sprintf(`
repo:
  url: git@git.example.com:acme/deploy.git
  branch: production
  apps: ["apps/*/tandem.yaml", shop/tandem.yaml]
  poll: "*/5 * * * *"
  auth: {ssh_key: %s, known_hosts: %s}
  webhook: {secret_file: %s}
status: {branch: production, path: "{host}/{app}.yaml"}
nginx:
  dir: /srv/nginx/tandem
  switch: reload
  command: nginx -c /srv/nginx.conf
  container: web
  confirm: 172.18.0.2:8485
docker: {host: "tcp://127.0.0.1:2375", min_free: 2.5GiB, ports: 30000-30009}
policy: {allow: [privileged, docker-socket]}
forge: {kind: gitea, url: "https://git.example.com/api/v1", token_file: %s}
api: {token_file: %s}
listen: 0.0.0.0:9000
state: /srv/tandem
`, key, hosts, secret, token, access)), nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	want := Config{
		Repo: Repo{
			URL: "git@git.example.com:acme/deploy.git", Branch: "production",
			Apps: []string{"apps/*/tandem.yaml", "shop/tandem.yaml"}, Poll: Poll{Cron: "*/5 * * * *"},
			Auth: Auth{SSHKey: key, KnownHosts: hosts}, Webhook: Webhook{SecretFile: secret},
		},
		Status: Status{Branch: "production", Path: "{host}/{app}.yaml"},
		Nginx:  Nginx{Dir: "/srv/nginx/tandem", Switch: "reload", Command: "nginx -c /srv/nginx.conf", Container: "web", Confirm: "172.18.0.2:8485"},
		Docker: Docker{Host: "tcp://127.0.0.1:2375", MinFree: 5 << 29, Ports: deploy.PortRange{First: 30000, Last: 30009}},
		Forge:  Forge{Kind: "gitea", URL: "https://git.example.com/api/v1", TokenFile: token},
		Policy: Policy{Allow: []string{"privileged", "docker-socket"}},
		Apps:   "/etc/tandem/apps",
		API:    API{TokenFile: access},
		Listen: "0.0.0.0:9000",
		State:  "/srv/tandem",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("Config (-want +got):\n%s", diff)
	}
}

func TestLoad_RepoURLAloneIsEnough(t *testing.T) {
	nowhere := filepath.Join(t.TempDir(), "agent.yaml")
	for _, c := range []struct {
		name  string
		env   func(string) (string, bool)
		flags *pflag.FlagSet
	}{
		{"flag", nil, flags(t, "--repo-url", "/srv/deploy.git")},
		{"variable", variables(map[string]string{"TANDEM_REPO_URL": "/srv/deploy.git"}), flags(t)},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := load(nowhere, false, c.env, c.flags)
			want := Default()
			want.Repo.URL = "/srv/deploy.git"
			if err != nil || !cmp.Equal(want, got) {
				t.Errorf("err %v, config (-want +got):\n%s", err, cmp.Diff(want, got))
			}
		})
	}
}

func TestLoad_MissingFile(t *testing.T) {
	t.Chdir(t.TempDir())
	_, err := load("agent.yaml", false, nil, nil)
	want := "agent.yaml: repo.url: is missing; write it in the agent's file, or give --repo-url or TANDEM_REPO_URL\n"
	if diff := cmp.Diff(want, messages(err)); diff != "" {
		t.Errorf("default file (-want +got):\n%s", diff)
	}
	_, err = Load("agent.yaml", nil, flags(t, "--repo-url=/srv/deploy.git"))
	if diff := cmp.Diff("agent.yaml: there is no such file\n", messages(err)); diff != "" {
		t.Errorf("named file (-want +got):\n%s", diff)
	}
	_, err = Load(".", nil, flags(t, "--repo-url=/srv/deploy.git"))
	if diff := cmp.Diff(".: cannot be read: is a directory\n", messages(err)); diff != "" {
		t.Errorf("directory (-want +got):\n%s", diff)
	}
}

// texts returns three values of the field's kind, and how each is written in
// the file and on the command line.
func texts(field any) (file, text [3]string) {
	switch field.(type) {
	case *Poll:
		return [3]string{"11s", "12s", "13s"}, [3]string{"11s", "12s", "13s"}
	case *int64:
		return [3]string{"1GiB", "2GiB", "0"}, [3]string{"1GiB", "2GiB", "0"}
	case *deploy.PortRange:
		return [3]string{"21000-21001", "22000-22001", "23000-23001"}, [3]string{"21000-21001", "22000-22001", "23000-23001"}
	case *[]string:
		return [3]string{"[a1, b1]", "[a2, b2]", "[a3, b3]"}, [3]string{"a1,b1", "a2,b2", "a3,b3"}
	default:
		return [3]string{"x1", "x2", "x3"}, [3]string{"x1", "x2", "x3"}
	}
}

// Whatever is validated later, each key can be said in three places.
func TestLoad_FlagBeatsVariableBeatsFile(t *testing.T) {
	for _, s := range settings() {
		t.Run(s.key, func(t *testing.T) {
			file, text := texts(s.at(&Config{}))
			parts := strings.Split(s.key, ".")
			path := agentYAML(t, strings.Join(parts, ": {")+": "+file[0]+strings.Repeat("}", len(parts)-1)+"\n")
			env := variables(map[string]string{s.variable(): text[1]})
			for i, load := range []func() (Config, error){
				func() (Config, error) { return Load(path, variables(nil), flags(t)) },
				func() (Config, error) { return Load(path, env, flags(t)) },
				func() (Config, error) { return Load(path, env, flags(t, "--"+s.flag(), text[2])) },
			} {
				got, _ := load() // not valid, and not the point
				var want Config
				if err := assign(s.at(&want), text[i]); err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(s.at(&want), s.at(&got)); diff != "" {
					t.Errorf("from %s (-want +got):\n%s", [3]string{"file", "variable", "flag"}[i], diff)
				}
			}
		})
	}
}

func TestLoad_ListFlagsRepeatAndSplit(t *testing.T) {
	got, err := load(filepath.Join(t.TempDir(), "x"), false, nil, flags(t, "--repo-url=/srv/deploy.git", "--policy-allow=a,b", "--policy-allow", "c"))
	if err != nil || !cmp.Equal(got.Policy.Allow, []string{"a", "b", "c"}) {
		t.Errorf("err %v, policy.allow %q", err, got.Policy.Allow)
	}
}

func TestLoad_FaultsNameTheVariableOrTheFlag(t *testing.T) {
	path := agentYAML(t, "repo: {url: /srv/deploy.git}\nlisten: 0.0.0.0:1\n")
	env := variables(map[string]string{
		"TANDEM_REPO_POLL": "often", "TANDEM_NGINX_SWITCH": "flop", "TANDEM_POLICY_ALLOW": `a,"b`, "TANDEM_STATE": "a\nb", "TANDEM_LISTEN": "",
	})
	_, err := Load(path, env, flags(t, "--nginx-dir=etc", "--repo-poll=10", "--status-path={app}/../x"))
	want := `--repo-poll: repo.poll: 10 has no unit; write 10s
--status-path: status.path: want a path inside the repository, without . and .., got "{app}/../x"
--nginx-dir: nginx.dir: want an absolute path of letters, digits and . _ - (it stands in Nginx's configuration), got "etc"
TANDEM_NGINX_SWITCH: nginx.switch: want flip or reload, got "flop"
TANDEM_LISTEN: listen: want an address such as 127.0.0.1:8484, got ""
TANDEM_POLICY_ALLOW: policy.allow: want words separated by commas: parse error on line 1, column 5: extraneous or missing " in quoted-field
TANDEM_REPO_POLL: repo.poll: want a duration such as 10s, or a cron expression such as "*/5 * * * *", got "often": expected exactly 5 fields, found 1: [often]
TANDEM_STATE: state: holds a control character or a line break
`
	got, wanted := strings.Split(messages(err), "\n"), strings.Split(want, "\n")
	if diff := cmp.Diff(sorted(wanted), sorted(got)); diff != "" {
		t.Errorf("messages (-want +got):\n%s", diff)
	}
}

// Whoever can write the file that lists who may deploy, may deploy.
func TestLoad_FilesWithKeysThatAreNoGoodAreRefused(t *testing.T) {
	t.Chdir(t.TempDir())
	const key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIIF9lqEWz5qmU4LMFN3tC0GyqtMfxV7R6pBkGcSgUSkX"
	writeFile(t, "good", "ada@example.com "+key+"\n", 0o644)
	writeFile(t, "open", "ada@example.com "+key+"\n", 0o664)
	writeFile(t, "wrong", "# people\nada@example.com valid-until=\"20270101\" "+key+"\n", 0o644)
	writeFile(t, "nobody", "# nobody yet\n", 0o644)
	writeFile(t, "ring", "this is no key ring", 0o644)
	for _, c := range []struct{ key, value, want string }{
		{"ssh-allowed-signers", "good", ""},
		{"ssh-allowed-signers", "missing", "there is no file missing"},
		{"ssh-allowed-signers", "open", "others may write open (mode 0664), and who can add a key can deploy; run: chmod 644 open"},
		{"ssh-allowed-signers", "wrong", `wrong:2: the option "valid-until" is not known; there are namespaces="git", valid-after="20260101" and valid-before="20270101"`},
		{"ssh-allowed-signers", "nobody", "nobody lists no key; write lines such as: ada@example.com ssh-ed25519 AAAA…"},
		{"pgp-keyring", "ring", "ring: key 1 cannot be read: "},
	} {
		_, err := load(filepath.Join(t.TempDir(), "x"), false, nil, flags(t, "--repo-url=/srv/deploy.git", "--repo-verify-"+c.key+"="+c.value))
		want := "--repo-verify-" + c.key + ": repo.verify." + strings.ReplaceAll(c.key, "-", "_") + ": " + c.want
		if got := messages(err); (c.want == "") != (err == nil) || c.want != "" && !strings.HasPrefix(got, want) {
			t.Errorf("%s: got %q, want %q", c.value, got, want)
		}
	}
}

func TestLoad_FilesThatOthersMayReadAreRefused(t *testing.T) {
	t.Chdir(t.TempDir())
	writeFile(t, "token", "t", 0o644)
	writeFile(t, "empty", "", 0o600)
	writeFile(t, "forge", "f", 0o604)
	writeFile(t, "urls", "ntfy://ntfy.sh/ops", 0o644)
	writeFile(t, "api", "a", 0o604)
	writeFile(t, "age", "a", 0o644)
	writeFile(t, "agent.yaml", `
repo:
  url: https://git.example.com/acme/deploy.git
  auth: {token_file: token}
  webhook: {secret_file: empty}
forge: {kind: gitlab, token_file: forge}
notify: {urls_file: urls}
api: {token_file: api}
secrets: {age_key_file: age}
`, 0o666)
	_, err := Load("agent.yaml", nil, nil)
	want := `agent.yaml: everyone may write it (mode 0666); run: chmod 644 agent.yaml
agent.yaml:4: repo.auth.token_file: everyone on this host may use token (mode 0644); run: chmod 600 token
agent.yaml:5: repo.webhook.secret_file: empty is empty
agent.yaml:6: forge.token_file: everyone on this host may use forge (mode 0604); run: chmod 600 forge
agent.yaml:7: notify.urls_file: everyone on this host may use urls (mode 0644); run: chmod 600 urls
agent.yaml:8: api.token_file: everyone on this host may use api (mode 0604); run: chmod 600 api
agent.yaml:9: secrets.age_key_file: everyone on this host may use age (mode 0644); run: chmod 600 age
`
	if diff := cmp.Diff(want, messages(err)); diff != "" {
		t.Errorf("messages (-want +got):\n%s", diff)
	}
	for _, name := range []string{"token", "forge", "urls", "api", "age", "agent.yaml"} {
		if err := os.Chmod(name, 0o640); err != nil {
			t.Fatal(err)
		}
	}
	writeFile(t, "empty", "s", 0o600)
	if _, err := Load("agent.yaml", nil, nil); err != nil {
		t.Errorf("after the chmod: %v", err)
	}
}

func TestLoad_TokenOverPlainHTTPOnlyToLoopback(t *testing.T) {
	token := writeFile(t, filepath.Join(t.TempDir(), "token"), "t", 0o600)
	for url, want := range map[string]bool{
		"http://127.0.0.1:3000/acme/deploy.git": true, "http://localhost/acme/deploy.git": true, "http://[::1]/a.git": true,
		"https://git.example.com/a.git": true, "http://git.example.com/a.git": false, "http://10.0.0.1/a.git": false,
	} {
		_, err := load("nowhere", false, nil, flags(t, "--repo-url", url, "--repo-auth-token-file", token))
		if (err == nil) != want {
			t.Errorf("%s: err %v, want accepted: %v", url, err, want)
		}
	}
}

func TestForgeKind_IsToldByTheHostWhereItIsKnown(t *testing.T) {
	token := writeFile(t, filepath.Join(t.TempDir(), "token"), "t", 0o600)
	for _, c := range []struct{ url, kind, token, want string }{
		{"https://github.com/acme/deploy.git", "auto", token, "github"},
		{"https://GitLab.com/acme/deploy.git", "auto", token, "gitlab"},
		{"git@codeberg.org:acme/deploy.git", "auto", token, "gitea"},
		{"ssh://git@github.com:22/acme/deploy.git", "auto", token, "github"},
		{"github.com:acme/deploy.git", "auto", token, "github"},
		{"https://git.example.com/acme/deploy.git", "gitea", token, "gitea"},
		{"https://github.com/acme/deploy.git", "none", token, "none"},
		{"https://github.com/acme/deploy.git", "auto", "", "none"},
		{"/srv/deploy.git", "auto", "", "none"},
	} {
		got := Config{Repo: Repo{URL: URL(c.url)}, Forge: Forge{Kind: c.kind, TokenFile: c.token}}
		if got.ForgeKind() != c.want {
			t.Errorf("%s, kind %s, token %q: got %s, want %s", c.url, c.kind, c.token, got.ForgeKind(), c.want)
		}
	}
}

// Every field has a key and every key a field, of the same name.
func TestSettings_CoverTheConfig(t *testing.T) {
	var c Config
	leaves := map[any]string{}
	collectLeaves(reflect.ValueOf(&c).Elem(), "", leaves)
	for _, s := range settings() {
		name, known := leaves[s.at(&c)]
		if !known {
			t.Errorf("%s leads to no field of Config, or to that of another key", s.key)
			continue
		}
		delete(leaves, s.at(&c))
		if plain := strings.NewReplacer(".", "", "_", "").Replace(s.key); plain != strings.ToLower(name) {
			t.Errorf("%s leads to the field %s", s.key, name)
		}
		if s.usage == "" {
			t.Errorf("%s has no usage", s.key)
		}
	}
	for _, name := range leaves {
		t.Errorf("the field %s has no key, flag and variable", name)
	}
}

// collectLeaves maps the address of each field that is no struct of fields to
// its name.
func collectLeaves(v reflect.Value, name string, leaves map[any]string) {
	_, poll := v.Interface().(Poll)
	_, ports := v.Interface().(deploy.PortRange)
	if poll || ports || v.Kind() != reflect.Struct {
		leaves[v.Addr().Interface()] = name
		return
	}
	for i := range v.NumField() {
		collectLeaves(v.Field(i), name+v.Type().Field(i).Name, leaves)
	}
}

func TestBindFlags_ShowTheDefaults(t *testing.T) {
	fs := flags(t)
	defaults := Default()
	for _, s := range settings() {
		f := fs.Lookup(s.flag())
		if f == nil {
			t.Errorf("%s has no flag --%s", s.key, s.flag())
			continue
		}
		var got Config
		if err := assign(s.at(&got), strings.Trim(f.DefValue, "[]")); err != nil && s.key != "repo.url" {
			t.Errorf("--%s: default %q: %v", s.flag(), f.DefValue, err)
		}
		if diff := cmp.Diff(fmt.Sprint(reflect.ValueOf(s.at(&defaults)).Elem()), fmt.Sprint(reflect.ValueOf(s.at(&got)).Elem())); diff != "" {
			t.Errorf("--%s: default (-want +got):\n%s", s.flag(), diff)
		}
	}
	if got := fs.Lookup("repo-auth-ssh-key"); got == nil {
		t.Error("the flag of repo.auth.ssh_key is not --repo-auth-ssh-key")
	}
}
