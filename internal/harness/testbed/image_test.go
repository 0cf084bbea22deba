package testbed_test

import (
	"archive/tar"
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"

	"tandem/internal/harness/testbed"
	"tandem/internal/harness/testbed/tb"
)

// echo prints its arguments and one environment variable. Told to stay, it
// waits for somebody to type.
const echo = `package main

import (
	"fmt"
	"os"
)

func main() {
	fmt.Println(os.Args[1:], os.Getenv("MOOD"))
	if os.Args[1] == "stay" {
		os.Stdin.Read(make([]byte, 1))
	}
}
`

func echoImage(t *testing.T, e *testbed.Engine, ref, mood string) {
	t.Helper()
	if err := e.BuildImage(t.Context(), echoBuilder(t, e, ref, mood)); err != nil {
		t.Fatal(err)
	}
}

// echoBuilder describes the image, which is taken off the engine when the test ends.
func echoBuilder(t *testing.T, e *testbed.Engine, ref, mood string) testbed.ImageBuilder {
	t.Helper()
	program, err := testbed.GoSource(t.Context(), "echo", fstest.MapFS{"main.go": {Data: []byte(echo)}})
	if err != nil {
		t.Fatal(err)
	}
	tb.Images(t, e, ref)
	return testbed.ImageBuilder{
		Ref: ref, Binary: program, Cmd: []string{"hello", "world"}, Env: []string{"MOOD=" + mood},
		Labels:      map[string]string{"tandem.test": "echo"},
		Healthcheck: &testbed.Healthcheck{Test: []string{"CMD", "/echo", "healthy"}},
	}
}

// output runs a container of the image to its end and returns what it wrote.
func output(t *testing.T, e *testbed.Engine, ref string, cmd ...string) string {
	t.Helper()
	c, err := e.Client.ContainerCreate(t.Context(), &container.Config{Image: ref, Cmd: cmd, Tty: true}, nil, nil, nil, "")
	if err != nil {
		t.Fatal(err)
	}
	tb.Container(t, e, c.ID)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	ended, failed := e.Client.ContainerWait(ctx, c.ID, container.WaitConditionNextExit)
	if err := e.Client.ContainerStart(t.Context(), c.ID, container.StartOptions{}); err != nil {
		t.Fatal(err)
	}
	select {
	case <-ended:
	case err := <-failed:
		t.Fatal(err)
	}
	logs, err := e.Client.ContainerLogs(t.Context(), c.ID, container.LogsOptions{ShowStdout: true, ShowStderr: true})
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(readAll(t, logs))
}

func TestBuildImage_RunsTheProgramWithItsCommandAndEnvironment(t *testing.T) {
	e := tb.Engine(t)
	const ref = "tandem-testbed/echo:run"
	echoImage(t, e, ref, "fine")
	if got, want := output(t, e, ref), "[hello world] fine"; got != want {
		t.Errorf("the container wrote %q, want %q", got, want)
	}
	inspect, err := e.Client.ImageInspect(t.Context(), ref)
	if err != nil {
		t.Fatal(err)
	}
	if h := inspect.Config.Healthcheck; h == nil || len(h.Test) != 3 {
		t.Errorf("health command of the image: got %v", h)
	}
	if got := inspect.Config.Labels["tandem.test"]; got != "echo" {
		t.Errorf("label of the image: got %q", got)
	}
}

func TestBuildImage_SameInputGivesTheSameImageAndAnotherNameAnother(t *testing.T) {
	e := tb.Engine(t)
	const ref = "tandem-testbed/echo:a"
	build := func(ref, mood string) string {
		echoImage(t, e, ref, mood)
		inspect, err := e.Client.ImageInspect(t.Context(), ref)
		if err != nil {
			t.Fatal(err)
		}
		return inspect.ID
	}
	first := build(ref, "fine")
	if again := build(ref, "fine"); again != first {
		t.Errorf("the same again is %s: want %s", again, first)
	}
	if bad := build(ref, "bad"); bad == first {
		t.Errorf("another environment has the same id %s", bad)
	}
	if named := build("tandem-testbed/echo:b", "fine"); named == first {
		t.Errorf("another name has the same id %s", named)
	}
}

func TestRegistry_GivesBackWhatWasPushedAlsoAfterAStop(t *testing.T) {
	e := tb.Engine(t)
	r := tb.Registry(t, testbed.RegistryOptions{})
	ref := r.Addr() + "/echo:1"
	echoImage(t, e, ref, "pushed")
	steps := []error{
		e.Push(t.Context(), ref, testbed.Login{}),
		e.Remove(t.Context(), ref),
		r.Stop(t.Context()),
	}
	for _, err := range steps {
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := e.Pull(t.Context(), ref); err == nil {
		t.Fatal("pulled from a registry that is stopped")
	}
	if err := r.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := e.Pull(t.Context(), ref); err != nil {
		t.Fatal(err)
	}
	if got, want := output(t, e, ref), "[hello world] pushed"; got != want {
		t.Errorf("the pulled image wrote %q, want %q", got, want)
	}
}

// Into two repositories, of which the second gets the layer from the first: each image
// is whole, and is the one that BuildImage makes.
func TestPush_PutsAnImageIntoTheRegistryThatNoEngineHas(t *testing.T) {
	e := tb.Engine(t)
	r := tb.Registry(t, testbed.RegistryOptions{})
	for _, name := range []string{"/one/echo:1", "/two/echo:1"} {
		s := echoBuilder(t, e, r.Addr()+name, "pushed as "+name)
		if err := s.Push(t.Context()); err != nil {
			t.Fatal(err)
		}
		if _, err := e.Client.ImageInspect(t.Context(), s.Ref); !errdefs.IsNotFound(err) {
			t.Errorf("the engine has it, or cannot tell: %v", err)
		}
		if err := e.Pull(t.Context(), s.Ref); err != nil {
			t.Fatal(err)
		}
		if got, want := output(t, e, s.Ref), "[hello world] pushed as "+name; got != want {
			t.Errorf("the pulled image wrote %q, want %q", got, want)
		}
		pulled, err := e.Client.ImageInspect(t.Context(), s.Ref)
		if err != nil {
			t.Fatal(err)
		}
		if err := e.BuildImage(t.Context(), s); err != nil {
			t.Fatal(err)
		}
		if built, err := e.Client.ImageInspect(t.Context(), s.Ref); err != nil || built.ID != pulled.ID {
			t.Errorf("BuildImage makes %s (%v), Push made %s", built.ID, err, pulled.ID)
		}
	}
}

func TestDerived_IsTheOtherImageWithWhatIsDifferent(t *testing.T) {
	e := tb.Engine(t)
	r := tb.Registry(t, testbed.RegistryOptions{})
	s := echoBuilder(t, e, r.Addr()+"/one/echo:1", "derived from")
	d := testbed.Derived{
		From: s.Ref, Ref: r.Addr() + "/two/echo:2",
		Files: map[string]string{"/etc/motd": "hello"}, Without: []string{"/echo"},
	}
	tb.Images(t, e, d.Ref)
	for _, err := range []error{s.Push(t.Context()), d.Push(t.Context()), e.Pull(t.Context(), d.Ref)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	c, err := e.Client.ContainerCreate(t.Context(), &container.Config{Image: d.Ref}, nil, nil, nil, "")
	if err != nil {
		t.Fatal(err)
	}
	tb.Container(t, e, c.ID)
	if got := fileOf(t, e, c.ID, "/etc/motd"); got != "hello" {
		t.Errorf("/etc/motd reads %q", got)
	}
	if _, _, err := e.Client.CopyFromContainer(t.Context(), c.ID, "/echo"); !errdefs.IsNotFound(err) {
		t.Errorf("/echo is there, or nobody can tell: %v", err)
	}
	info, err := e.Client.ContainerInspect(t.Context(), c.ID)
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(info.Config.Env, " "); got != "MOOD=derived from" {
		t.Errorf("the environment is %q, want that of the other image", got)
	}
}

func fileOf(t *testing.T, e *testbed.Engine, container, name string) string {
	t.Helper()
	files, _, err := e.Client.CopyFromContainer(t.Context(), container, name)
	if err != nil {
		t.Fatal(err)
	}
	archive := tar.NewReader(files)
	if _, err := archive.Next(); err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(archive)
	if err := errors.Join(err, files.Close()); err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestDerived_OfWhatIsNotThereSaysSo(t *testing.T) {
	r := tb.Registry(t, testbed.RegistryOptions{})
	d := testbed.Derived{From: r.Addr() + "/none:1", Ref: r.Addr() + "/two:1"}
	if err := d.Push(t.Context()); err == nil || !strings.Contains(err.Error(), d.From) || !strings.Contains(err.Error(), "404 Not Found") {
		t.Errorf("derived from nothing: %v, want the name and 404 Not Found", err)
	}
}

func TestCachedImages_AreMadeOnceAndGoneInTheEnd(t *testing.T) {
	e := tb.Engine(t)
	var kept testbed.CachedImages
	made := 0
	for range 3 {
		err := kept.Once(t.Context(), "tandem-testbed/echo:kept", func(_ context.Context, ref string) error {
			made++
			echoImage(t, e, ref, "kept")
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if made != 1 {
		t.Errorf("made %d times", made)
	}
	if err := kept.Remove(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := e.Client.ImageInspect(t.Context(), "tandem-testbed/echo:kept"); !errdefs.IsNotFound(err) {
		t.Errorf("it is still there, or nobody can tell: %v", err)
	}
}

func TestPush_SaysWhyTheRegistryRefused(t *testing.T) {
	e := tb.Engine(t)
	r := tb.Registry(t, testbed.RegistryOptions{Login: testbed.Login{User: "ci", Password: "s3cret"}})
	s := echoBuilder(t, e, r.Addr()+"/echo:1", "private")
	if err := s.Push(t.Context()); err == nil || !strings.Contains(err.Error(), s.Ref) || !strings.Contains(err.Error(), "401 Unauthorized") {
		t.Errorf("pushed without a login: %v, want the name and 401 Unauthorized", err)
	}
}

func TestRegistry_WithALoginRefusesEverybodyElse(t *testing.T) {
	e := tb.Engine(t)
	login := testbed.Login{User: "ci", Password: "s3cret"}
	r := tb.Registry(t, testbed.RegistryOptions{Login: login})
	ref := r.Addr() + "/echo:1"
	echoImage(t, e, ref, "private")
	if err := e.Push(t.Context(), ref, testbed.Login{}); err == nil {
		t.Error("pushed without a login")
	}
	if err := e.Push(t.Context(), ref, testbed.Login{User: "ci", Password: "wrong"}); err == nil {
		t.Error("pushed with a wrong password")
	}
	if err := e.Push(t.Context(), ref, login); err != nil {
		t.Errorf("push with the login: %v", err)
	}
}

func TestRemove_OfAnImageThatDoesNotExistIsNoError(t *testing.T) {
	e := tb.Engine(t)
	if err := e.Remove(t.Context(), "tandem-testbed/never:1"); err != nil {
		t.Error(err)
	}
}

func TestRemoveContainer_TakesAnImageAlongThatLostItsName(t *testing.T) {
	e := tb.Engine(t)
	const ref = "tandem-testbed/echo:unnamed"
	echoImage(t, e, ref, "lonely")
	inspect, err := e.Client.ImageInspect(t.Context(), ref)
	if err != nil {
		t.Fatal(err)
	}
	var ids []string
	for range 2 {
		c, err := e.Client.ContainerCreate(t.Context(), &container.Config{Image: ref, Cmd: []string{"stay"}, OpenStdin: true}, nil, nil, nil, "")
		if err != nil {
			t.Fatal(err)
		}
		tb.Container(t, e, c.ID)
		if err := e.Client.ContainerStart(t.Context(), c.ID, container.StartOptions{}); err != nil {
			t.Fatal(err)
		}
		ids = append(ids, c.ID)
	}
	if err := e.Remove(t.Context(), ref); err != nil {
		t.Fatal(err)
	}
	for i, id := range ids {
		if _, err := e.Client.ImageInspect(t.Context(), inspect.ID); err != nil {
			t.Errorf("with %d containers left: %v", len(ids)-i, err)
		}
		if err := e.RemoveContainer(t.Context(), id); err != nil {
			t.Error(err)
		}
	}
	if _, err := e.Client.ImageInspect(t.Context(), inspect.ID); !errdefs.IsNotFound(err) {
		t.Errorf("the image is left behind: %v", err)
	}
}
