package testbed_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/image"

	"tandem/internal/testbed"
	"tandem/internal/testbed/tb"
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
	program, err := testbed.GoSource(t.Context(), "echo", fstest.MapFS{"main.go": {Data: []byte(echo)}})
	if err != nil {
		t.Fatal(err)
	}
	tb.Images(t, e, ref)
	err = e.BuildScratch(t.Context(), testbed.Scratch{
		Ref: ref, Binary: program, Cmd: []string{"hello", "world"}, Env: []string{"MOOD=" + mood},
		Labels:      map[string]string{"tandem.test": "echo"},
		Healthcheck: &testbed.Healthcheck{Test: []string{"CMD", "/echo", "healthy"}},
	})
	if err != nil {
		t.Fatal(err)
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

func TestBuildScratch_ImageRunsTheProgramWithItsCommandAndEnvironment(t *testing.T) {
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

func TestBuildScratch_SameInputGivesTheSameImageAndAnotherNameAnother(t *testing.T) {
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
	if err := pull(t, e, ref); err == nil {
		t.Fatal("pulled from a registry that is stopped")
	}
	if err := r.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := pull(t, e, ref); err != nil {
		t.Fatal(err)
	}
	if got, want := output(t, e, ref), "[hello world] pushed"; got != want {
		t.Errorf("the pulled image wrote %q, want %q", got, want)
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

func pull(t *testing.T, e *testbed.Engine, ref string) error {
	t.Helper()
	progress, err := e.Client.ImagePull(t.Context(), ref, image.PullOptions{})
	if err != nil {
		return err
	}
	if text := readAll(t, progress); strings.Contains(text, `"error"`) {
		return fmt.Errorf("pull %s: %s", ref, text)
	}
	return nil
}
