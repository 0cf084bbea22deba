package compose_test

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tandem/internal/harness/testbed"
	"tandem/internal/harness/testbed/tb"
	"tandem/reconciler/deploy"
)

// publish pushes the probe as <registry>/probe:<tag> and takes it off this host.
func (b *bed) publish(r *testbed.Registry, login testbed.Login, tag, version string) string {
	b.t.Helper()
	ref := r.Addr() + "/probe:" + tag
	b.build(ref, version)
	if err := b.engine.Push(b.t.Context(), ref, login); err != nil {
		b.t.Fatal(err)
	}
	if err := b.engine.Remove(b.t.Context(), ref); err != nil {
		b.t.Fatal(err)
	}
	return ref
}

// runs writes a Compose file with one service of the image.
func (b *bed) runs(image string, more ...string) {
	b.t.Helper()
	const api = "services:\n  api:\n    image: %s\n    environment: {COLOR: '${COLOR}'}\n    ports: ['${API_PORT}:3000']\n"
	b.write("compose.yaml", fmt.Sprintf(api, image)+strings.Join(more, ""))
}

// attempt resolves the app and returns what Up says.
func (b *bed) attempt() error {
	b.t.Helper()
	b.resolve()
	return b.client.Up(b.t.Context(), b.app, deploy.Blue, nil)
}

// login writes Docker's configuration.
func (b *bed) login(registry string, l testbed.Login) {
	b.t.Helper()
	auth := base64.StdEncoding.EncodeToString([]byte(l.User + ":" + l.Password))
	config := fmt.Sprintf(`{"auths": {%q: {"auth": %q}}}`, registry, auth)
	if err := os.WriteFile(filepath.Join(b.config, "config.json"), []byte(config), 0o600); err != nil {
		b.t.Fatal(err)
	}
}

// wantRejected checks why a release was turned down.
func wantRejected(t *testing.T, err error, reason deploy.Reason, words ...string) {
	t.Helper()
	var reject *deploy.RejectError
	if !errors.As(err, &reject) || reject.Reason != reason {
		t.Fatalf("got %v, want the release rejected: %s", err, reason)
	}
	for _, w := range words {
		if !strings.Contains(reject.Detail, w) {
			t.Errorf("detail %q does not mention %q", reject.Detail, w)
		}
	}
}

// wantLogs checks what a rejection shows of the container's log.
func wantLogs(t *testing.T, err error, want string) {
	t.Helper()
	var reject *deploy.RejectError
	if !errors.As(err, &reject) || reject.Logs != want {
		t.Errorf("got %+v, want the log %q", err, want)
	}
}

func wantTemporary(t *testing.T, err error, reason deploy.Reason, words ...string) {
	t.Helper()
	var temporary *deploy.TemporaryError
	if !errors.As(err, &temporary) || temporary.Reason != reason {
		t.Fatalf("got %v, want it to be temporary: %s", err, reason)
	}
	for _, w := range words {
		if !strings.Contains(err.Error(), w) {
			t.Errorf("error %q does not mention %q", err, w)
		}
	}
}

func TestUp_PullsAndRecordsTheDigest(t *testing.T) {
	b := newBed(t, "digest")
	r := tb.Registry(t, testbed.RegistryOptions{})
	ref := b.publish(r, testbed.Login{}, "1", "one")
	b.runs(ref)
	b.up(deploy.Blue)
	b.answers(deploy.Blue, "one blue")
	info, err := b.engine.Client.ImageInspect(t.Context(), ref)
	if err != nil {
		t.Fatal(err)
	}
	// The same image may have come from the registry of another test, too.
	if got := b.instance(deploy.Blue, "api").Image; !slices.Contains(info.RepoDigests, r.Addr()+"/probe@"+got) {
		t.Errorf("container says %s, the registries said %s", got, info.RepoDigests)
	}
}

func TestUp_AnImageThatDoesNotExistRejectsTheReleaseAndKeepsTheOldOne(t *testing.T) {
	b := newBed(t, "notfound")
	r := tb.Registry(t, testbed.RegistryOptions{})
	ref := b.publish(r, testbed.Login{}, "1", "one")
	b.runs(ref)
	b.up(deploy.Blue)
	before := instances(b.stack(deploy.Blue))
	for _, image := range []string{r.Addr() + "/probe:no-such-tag", r.Addr() + "/no-such-repository:1"} {
		_, b.app.Tag, _ = strings.Cut(strings.TrimPrefix(image, r.Addr()), ":")
		b.runs(image)
		wantRejected(t, b.attempt(), deploy.ImageNotFound, image)
	}
	if diff := cmp.Diff(before, instances(b.stack(deploy.Blue))); diff != "" {
		t.Errorf("the old containers (-before +after):\n%s", diff)
	}
}

// Of all that a release runs one image is enough to be missing, its migrations' too; and
// asking for it pulls nothing.
func TestLookForImages_NamesTheOneThatIsNotThereYetAndPullsNothing(t *testing.T) {
	b := newBed(t, "late")
	r := tb.Registry(t, testbed.RegistryOptions{})
	there, late := b.publish(r, testbed.Login{}, "1", "one"), r.Addr()+"/probe:2"
	b.app.Images = map[string]string{"api": r.Addr() + "/probe"}
	b.app.Migrations.Contract = "shrink"
	for _, images := range [][2]string{{late, there}, {there, late}} { // of the worker, of the migration
		b.runs(there, fmt.Sprintf("  worker: {image: '%s'}\n  shrink: {image: '%s', profiles: [migrate]}\n", images[0], images[1]))
		b.resolve()
		wantRejected(t, b.client.LookForImages(t.Context(), b.app), deploy.ImageNotFound, late)
	}
	b.publish(r, testbed.Login{}, "2", "two")
	if err := b.client.LookForImages(t.Context(), b.app); err != nil {
		t.Errorf("now that it is there: %v", err)
	}
	for _, image := range []string{there, late} {
		if _, err := b.engine.Client.ImageInspect(t.Context(), image); err == nil {
			t.Errorf("%s was pulled", image)
		}
	}
}

func TestUp_ARegistryThatIsAwayIsTemporary(t *testing.T) {
	b := newBed(t, "away")
	r := tb.Registry(t, testbed.RegistryOptions{})
	ref := b.publish(r, testbed.Login{}, "1", "one")
	if err := r.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	b.runs(ref)
	wantTemporary(t, b.attempt(), deploy.PullFailed, ref)
	if err := r.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	b.up(deploy.Blue)
	b.answers(deploy.Blue, "one blue")
}

func TestUp_ReadsTheCredentialsAnewAtEachPull(t *testing.T) {
	b := newBed(t, "login")
	good := testbed.Login{User: "ci", Password: "s3cret-of-today"}
	r := tb.Registry(t, testbed.RegistryOptions{Login: good})
	ref := b.publish(r, good, "1", "private")
	b.runs(ref)
	expired := testbed.Login{User: "ci", Password: "s3cret-of-yesterday"}
	b.login(r.Addr(), expired)
	err := b.attempt()
	wantTemporary(t, err, deploy.PullFailed, ref, "docker login")
	if strings.Contains(err.Error(), expired.Password) {
		t.Errorf("the error tells the password: %v", err)
	}
	b.login(r.Addr(), good)
	b.up(deploy.Blue)
	b.answers(deploy.Blue, "private blue")
}

func TestUp_AsksACredentialHelper(t *testing.T) {
	b := newSerialBed(t, "helper")
	good := testbed.Login{User: "ci", Password: "from-the-helper"}
	r := tb.Registry(t, testbed.RegistryOptions{Login: good})
	b.runs(b.publish(r, good, "1", "helped"))
	bin := t.TempDir()
	helper := fmt.Sprintf("#!/bin/sh\necho '{\"ServerURL\": %q, \"Username\": %q, \"Secret\": %q}'\n", r.Addr(), good.User, good.Password)
	if err := os.WriteFile(filepath.Join(bin, "docker-credential-ct"), []byte(helper), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", bin+":"+os.Getenv("PATH"))
	config := fmt.Sprintf(`{"credHelpers": {%q: "ct"}}`, r.Addr())
	if err := os.WriteFile(filepath.Join(b.config, "config.json"), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	b.up(deploy.Blue)
	b.answers(deploy.Blue, "helped blue")
}

func TestUp_HonoursThePullPolicy(t *testing.T) {
	b := newBed(t, "policy")
	r := tb.Registry(t, testbed.RegistryOptions{})
	fixed, moving := b.publish(r, testbed.Login{}, "1", "remote"), b.publish(r, testbed.Login{}, "latest", "remote")
	b.build(fixed, "local")
	b.build(moving, "local")
	cases := []struct{ name, image, policy, want string }{
		{"a fixed tag that is here is not asked for", fixed, "", "local"},
		{"never", fixed, "    pull_policy: never\n", "local"},
		{"latest is asked for", moving, "", "remote"},
		{"always", fixed, "    pull_policy: always\n", "remote"},
	}
	runs := func(image string, more ...string) {
		b.app.Tag = image[strings.LastIndex(image, ":")+1:]
		b.runs(image, more...)
	}
	for _, c := range cases {
		runs(c.image, c.policy)
		b.up(deploy.Blue)
		b.answers(deploy.Blue, c.want+" blue")
	}
	if err := r.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	runs(moving, "    command: [serve, again]\n")
	b.up(deploy.Blue)
	b.answers(deploy.Blue, "remote blue")
	runs(fixed, "    pull_policy: always\n", "    command: [serve, again]\n")
	wantTemporary(t, b.attempt(), deploy.PullFailed, fixed)
	runs("ct-nowhere:1", "    pull_policy: never\n")
	wantRejected(t, b.attempt(), deploy.ImageNotFound, "ct-nowhere:1", "never")
}

func TestUp_HealsWithoutARegistry(t *testing.T) {
	b := newBed(t, "healpull")
	r := tb.Registry(t, testbed.RegistryOptions{})
	b.app.Tag = "latest"
	b.runs(b.publish(r, testbed.Login{}, "latest", "one"), "    pull_policy: always\n")
	b.up(deploy.Blue)
	if err := errors.Join(r.Stop(t.Context()), b.engine.RemoveContainer(t.Context(), b.instance(deploy.Blue, "api").ID)); err != nil {
		t.Fatal(err)
	}
	// With no container left nothing says what ran, so this is a first start.
	wantTemporary(t, b.attempt(), deploy.PullFailed)
	if err := r.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	b.runs(r.Addr()+"/probe", "    pull_policy: always\n", "  other: {image: "+r.Addr()+"/probe, command: [wait], pull_policy: always}\n")
	b.up(deploy.Blue)
	if err := errors.Join(r.Stop(t.Context()), b.engine.RemoveContainer(t.Context(), b.instance(deploy.Blue, "api").ID)); err != nil {
		t.Fatal(err)
	}
	b.up(deploy.Blue)
	b.answers(deploy.Blue, "one blue")
}

// TestUp_CutShortInAPullReturnsAndLaterConverges pulls from a registry that
// accepts connections and never answers.
func TestUp_CutShortInAPullReturnsAndLaterConverges(t *testing.T) {
	b := newBed(t, "cancel")
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	asked := make(chan struct{})
	go func() {
		conn, err := silent.Accept()
		close(asked)
		if err == nil {
			<-t.Context().Done()
			_ = conn.Close() // the test is over
		}
	}()
	t.Cleanup(func() {
		if err := silent.Close(); err != nil {
			t.Error(err)
		}
	})
	b.runs(silent.Addr().String() + "/probe:1")
	b.resolve()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- b.client.Up(ctx, b.app, deploy.Blue, nil) }()
	<-asked
	cancel()
	select {
	case err := <-done:
		if !errors.Is(err, context.Canceled) {
			t.Errorf("got %v, want the context's error", err)
		}
	case <-time.After(30 * time.Second):
		t.Fatal("Up goes on after its context has ended")
	}
	b.runs(b.image + ":1")
	b.up(deploy.Blue)
	b.answers(deploy.Blue, "1 blue")
}
