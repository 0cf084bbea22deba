package e2e

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"filippo.io/age"

	"tandem/internal/harness/gittest"
	"tandem/internal/harness/stage"
	"tandem/internal/harness/testbed"
	"tandem/internal/harness/testbed/tb"
	"tandem/reconciler/deploy"
)

// Promise 6: a secret appears in no log, no error, no status, no page, no argument
// list, and in no file of the agent's. Every secret that a run knows is planted, the
// run goes through all that can happen to a release, and everything that the agent
// wrote, said or started is searched.
func TestSecrets_AreFoundNowhere(t *testing.T) {
	t.Parallel()
	s := newSecretive(t)
	w := s.world
	w.build("1.0.0")
	w.build("1.1.0")

	t.Log("a first deploy, and a bump")
	first := s.push("1.0.0", s.good(), nil)
	s.start()
	w.addSite()
	w.live(first, "1.0.0", deploy.Green)
	w.live(s.push("1.1.0", s.good(), nil), "1.1.0", deploy.Blue)
	s.gets("blue", "DB_PASSWORD")
	s.gets("blue", "HOST_TOKEN")
	s.gets("blue", "SEALED_TOKEN")

	t.Log("a release that prints its secret and ends")
	leaky := s.plant("START_DELAY", "leaky "+rand.Text())
	bad := s.push("1.1.0", append(s.good(), leaky), nil)
	held := w.phase(bad, deploy.PhaseHeld)
	if !strings.Contains(held.Message, "[secret START_DELAY]") {
		t.Errorf("the container did not print it, or nobody said so:\n%s", held.Message)
	}
	s.printed(leaky.Value)
	s.look()

	t.Log("killed, and started again: what the container printed is old now")
	s.kill()
	s.start()
	reverted := w.revert()
	w.live(reverted, "1.1.0", deploy.Blue)

	t.Log("files that are refused: a secret in a command, and one that is not encrypted")
	refused := s.push("1.1.0", s.good(), []byte("services: {api: {command: [\"api\", \"${DB_PASSWORD}\"]}}\n"))
	if message := w.phase(refused, deploy.PhaseRefused).Message; !strings.Contains(message, "${DB_PASSWORD} is a secret") {
		t.Errorf("refused with\n%s", message)
	}
	s.command("plan")
	s.command("validate", w.Work)
	w.live(w.revert(), "1.1.0", deploy.Blue)

	t.Log("a Git server that refuses the token")
	asked := s.git.Requests("info/refs")
	s.git.SetToken("another")
	tb.Until(t, patience, "a refusal", func() error {
		if s.git.Requests("info/refs") < asked+2 {
			return errors.New("the server was not asked yet")
		}
		return nil
	})
	s.command("plan")
	s.git.SetToken(s.gitToken)

	t.Log("a secret that changes is a new release, and the old value is still one")
	s.values["DB_PASSWORD"] = s.plant("DB_PASSWORD", rand.Text())
	w.live(s.push("1.1.0", s.good(), nil), "1.1.0", deploy.Green)
	s.gets("green", "DB_PASSWORD")

	t.Log("a file of the host that changes is a new release, by itself")
	s.values["HOST_TOKEN"] = s.plant("HOST_TOKEN", rand.Text())
	s.hostFiles()
	tb.Until(t, patience, "a stack with the new value", func() error {
		if !s.has("blue", "HOST_TOKEN") {
			return errors.New("no container of blue has it")
		}
		return nil
	})

	for _, args := range [][]string{{"status"}, {"status", "-o", "json"}, {"status", "--from-git"}, {"plan"}, {"plan", "-o", "yaml"}, {"history", w.App}, {"validate", w.Work}, {"retry", w.App}} {
		s.command(args...)
	}
	s.look()
	s.kill()
	s.search()
}

// secretive is a world in which everything that can be secret is planted.
type secretive struct {
	*world
	bin      string
	dir      string // what the agent is given: keys, tokens; nothing of it is searched
	temp     string // the agent's temporary directory
	log      stage.Log
	identity *age.X25519Identity
	mail     *mailbox
	token    string
	git      *gittest.HTTPServer // which asks for gitToken
	gitToken string
	values   map[string]testbed.Variable
	agent    *exec.Cmd

	mu      sync.Mutex
	planted map[string]string   // what -> value
	seen    map[string][]string // where -> texts
}

func newSecretive(t *testing.T) *secretive {
	registry := tb.Registry(t, testbed.RegistryOptions{})
	s := &secretive{world: storeStage(t, stage.Options{Registry: registry}), planted: map[string]string{}, seen: map[string][]string{}, values: map[string]testbed.Variable{}}
	s.bin = tb.GoBinary(t, "../../../cmd/tandem")
	s.dir, s.temp, s.log = t.TempDir(), t.TempDir(), stage.Log{Path: filepath.Join(t.TempDir(), "log")}
	identity, err := age.GenerateX25519Identity()
	check(t, err)
	s.identity = identity
	s.planted["the age key"] = identity.String()
	s.mail = newMailbox(t, http.StatusOK)
	s.token = s.plant("the API's token", rand.Text()).Value
	s.gitToken = s.plant("the Git server's token", rand.Text()).Value
	s.git = gittest.ServeHTTP(t, gittest.OpenBare(t, s.Bare), gittest.HTTPOptions{Token: s.gitToken})
	for file, content := range map[string]string{
		"git":     s.gitToken + "\n",
		"age":     identity.String() + "\n",
		"webhook": s.plant("the webhook's secret", rand.Text()).Value,
		"token":   s.token,
		"notify":  s.mail.url() + "&@x-token=" + s.plant("a notification's token", rand.Text()).Value + "\n",
		"config.json": fmt.Sprintf(`{"auths": {%q: {"auth": %q}}}`, registry.Addr(),
			base64.StdEncoding.EncodeToString([]byte("u:"+s.plant("the registry's password", rand.Text()).Value))),
	} {
		check(t, os.WriteFile(filepath.Join(s.dir, file), []byte(content), 0o600))
	}
	for _, v := range []testbed.Variable{
		s.plant("DB_PASSWORD", rand.Text()), s.plant("GREETING", "it's \"a\" $ecret/"+rand.Text()),
		s.plant("PEM", "-----BEGIN X-----\n"+rand.Text()+"\n-----END X-----\n"),
	} {
		s.values[v.Name] = v
	}
	s.hostFiles()
	override := filepath.Join(s.Work, s.App, "compose.override.yaml")
	data, err := os.ReadFile(override)
	check(t, err)
	const plain = "api: {healthcheck: {interval: 60s}}"
	if !strings.Contains(string(data), plain) {
		t.Fatalf("the override is another one:\n%s", data)
	}
	text := strings.Replace(string(data), plain, `api: {healthcheck: {interval: 60s}, secrets: [pem, host_pem], env_file: [host.env, sealed.env], environment: {URL: "db://u:${DB_PASSWORD}@db", HOST_URL: "db://u:${HOST_PASSWORD}@db"}}`, 1)
	check(t, os.WriteFile(override, []byte(text+"secrets: {pem: {environment: PEM}, host_pem: {file: host.pem}}\n"), 0o644))
	sealed, err := testbed.SOPSDotenv(s.identity.Recipient(), s.value("SEALED_TOKEN"))
	check(t, err)
	check(t, os.WriteFile(filepath.Join(s.Work, s.App, "sealed.env"), sealed, 0o644))
	s.stop = func() { s.kill() }
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(cancel)
	go s.sample(ctx)
	return s
}

// hostFiles plants what is in the app's host directory, and in an env file that SOPS
// encrypted.
func (s *secretive) hostFiles() {
	dir := filepath.Join(s.dir, "apps", s.App)
	check(s.t, os.MkdirAll(dir, 0o700))
	for name, text := range map[string]string{
		".env": "HOST_PASSWORD=" + s.value("HOST_PASSWORD").Value + "\n", "host.env": "HOST_TOKEN=" + s.value("HOST_TOKEN").Value + "\n",
		"host.pem": s.value("HOST_PEM").Value + "\n",
	} {
		check(s.t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
	}
}

// value is that of a variable, planted when it is asked for first.
func (s *secretive) value(name string) testbed.Variable {
	if _, known := s.values[name]; !known {
		s.values[name] = s.plant(name, rand.Text())
	}
	return s.values[name]
}

// plant notes a value that must be found nowhere.
func (s *secretive) plant(name, value string) testbed.Variable {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, line := range strings.Split(value, "\n") {
		if line != "" && !strings.HasPrefix(line, "-----") {
			s.planted[fmt.Sprintf("%s (%d)", name, len(s.planted))] = line
		}
	}
	return testbed.Variable{Name: name, Value: value}
}

func (s *secretive) good() []testbed.Variable {
	return []testbed.Variable{s.values["DB_PASSWORD"], s.values["GREETING"], s.values["PEM"]}
}

// push encrypts the variables, and deploys with them; override replaces the file
// that Compose reads beside the example's own, where it is not nil.
func (s *secretive) push(tag string, variables []testbed.Variable, override []byte) string {
	s.t.Helper()
	data, err := testbed.SOPSDotenv(s.identity.Recipient(), variables...)
	check(s.t, err)
	check(s.t, os.WriteFile(filepath.Join(s.Work, s.App, "secrets.enc.env"), data, 0o644))
	if override != nil {
		check(s.t, os.WriteFile(filepath.Join(s.Work, s.App, "compose.override.yaml"), override, 0o644))
	}
	return s.world.push(stage.Desired{Tag: tag, More: quick + "secrets: [secrets.enc.env]\n"})
}

func (s *secretive) flags() []string {
	return append(s.Flags(), "--log-level", "debug", "--secrets-age-key-file", filepath.Join(s.dir, "age"),
		"--repo-webhook-secret-file", filepath.Join(s.dir, "webhook"), "--api-token-file", filepath.Join(s.dir, "token"),
		"--notify-urls-file", filepath.Join(s.dir, "notify"),
		"--repo-url", s.git.URL, "--repo-auth-token-file", filepath.Join(s.dir, "git"), "--repo-poll", "1s",
		"--apps", filepath.Join(s.dir, "apps"))
}

func (s *secretive) program(args ...string) *exec.Cmd {
	cmd := exec.Command(s.bin, args...)
	cmd.Env = append(stage.Environ(), "TMPDIR="+s.temp, "DOCKER_CONFIG="+s.dir, "PATH="+os.Getenv("PATH")+":/usr/sbin:/sbin")
	return cmd
}

func (s *secretive) start() {
	s.t.Helper()
	log, err := os.OpenFile(s.log.Path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	check(s.t, err)
	cmd := s.program(append([]string{"run"}, s.flags()...)...)
	cmd.Stdout, cmd.Stderr = log, log
	check(s.t, cmd.Start())
	check(s.t, log.Close())
	s.mu.Lock()
	s.agent = cmd
	s.mu.Unlock()
}

// kill ends the agent as a crash does.
func (s *secretive) kill() {
	s.mu.Lock()
	cmd := s.agent
	s.agent = nil
	s.mu.Unlock()
	if cmd != nil {
		check(s.t, cmd.Process.Kill())
		_ = cmd.Wait() // it was killed
	}
}

// command runs tandem, and sees what it prints. Its outcome is another test's.
func (s *secretive) command(args ...string) {
	s.t.Helper()
	out, err := s.program(append(args, s.flags()...)...).CombinedOutput()
	s.see("tandem "+strings.Join(args, " "), fmt.Sprintf("%s%v", out, err))
	if len(out) == 0 {
		s.t.Errorf("tandem %v printed nothing (%v)", args, err)
	}
}
