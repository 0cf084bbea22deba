package e2e

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/docker/docker/api/types/container"

	"tandem/internal/harness/stage"
	"tandem/internal/harness/testbed/tb"
	"tandem/reconciler/deploy"
)

// What somebody does to the live stack by hand is put right in place, and told.
func TestDrift_ADamagedLiveStackIsMended(t *testing.T) {
	t.Parallel()
	w := newWorld(t, stage.Options{})
	check(t, w.AddWorker()) // one of several containers is damaged
	w.deployed()
	for _, damage := range []struct {
		name string
		do   func(ctx context.Context, id string) error
	}{
		{"stopped", func(ctx context.Context, id string) error {
			return w.Engine.Client.ContainerStop(ctx, id, container.StopOptions{})
		}},
		{"removed", func(ctx context.Context, id string) error {
			return w.Engine.Client.ContainerRemove(ctx, id, container.RemoveOptions{Force: true})
		}},
		{"killed, with nobody to start it again", func(ctx context.Context, id string) error {
			never := container.UpdateConfig{RestartPolicy: container.RestartPolicy{Name: container.RestartPolicyDisabled}}
			_, err := w.Engine.Client.ContainerUpdate(ctx, id, never)
			return errors.Join(err, w.Engine.Client.ContainerKill(ctx, id, "KILL"))
		}},
	} {
		t.Run(damage.name, func(t *testing.T) {
			w.t = t
			before := w.containers()
			victim := w.service("blue", "api")
			if err := damage.do(t.Context(), victim.ID); err != nil {
				t.Fatal(err)
			}
			w.until("mended and told", func(s deploy.Status) error {
				if s.Phase != deploy.PhaseLive || !strings.Contains(s.Message, "damaged") || !strings.Contains(s.Message, "api") {
					return fmt.Errorf("%s: %s", s.Phase, s.Message)
				}
				return nil
			})
			tb.Until(t, patience, "an answer through Nginx", func() error { return w.get("/") })
			for _, c := range w.inspect() {
				if c.ID != victim.ID && before[c.ID] != "" && !strings.Contains(before[c.ID], c.State.StartedAt) {
					t.Errorf("%s was restarted, though only api was damaged", c.Name)
				}
			}
		})
	}
}

// With the whole stack gone there is nothing left to mend: the release comes up
// in the other color, passes its gate there, and returns.
func TestDrift_ALiveStackThatIsGoneAltogetherComesBack(t *testing.T) {
	t.Parallel()
	w := deployed(t, stage.Options{})
	w.stop()
	if err := w.Engine.RemoveProject(t.Context(), w.App+"-blue"); err != nil {
		t.Fatal(err)
	}
	w.start()
	w.told("every container of the live stack, blue, was gone")
	if got := w.tag(); got != "1.0.0" {
		t.Errorf("nginx answers with %q, want 1.0.0", got)
	}
	w.service("blue", "api")
}

func TestDrift_AFlagThatSomebodyChangedIsPutBack(t *testing.T) {
	t.Parallel()
	w := deployed(t, stage.Options{})
	flag := filepath.Join(w.Config().Nginx.Dir, "live", w.App+".green")

	t.Log("added by hand while blue is live")
	if err := os.WriteFile(flag, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	w.told("which nobody decided", "green")
	if _, err := os.Stat(flag); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the flag is still there: %v", err)
	}

	t.Log("removed by hand while green is live")
	w.build("1.1.0")
	w.live(w.push(stage.Desired{Tag: "1.1.0", Color: "green"}), "1.1.0", deploy.Green)
	if err := os.Remove(flag); err != nil {
		t.Fatal(err)
	}
	w.told("which nobody decided", "blue")
	if _, err := os.Stat(flag); err != nil {
		t.Errorf("the flag was not put back: %v", err)
	}
}

func TestDrift_AnEditedGeneratedFileIsWrittenAgain(t *testing.T) {
	t.Parallel()
	w := deployed(t, stage.Options{})
	for _, name := range []string{w.App + ".conf", w.App + ".server"} {
		path := filepath.Join(w.Config().Nginx.Dir, name)
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, append(want, "# edited by hand\n"...), 0o644); err != nil {
			t.Fatal(err)
		}
		w.told("changed by somebody else", name)
		if got, err := os.ReadFile(path); err != nil || string(got) != string(want) {
			t.Errorf("%s reads (%v)\n%s\nwant\n%s", name, err, got, want)
		}
	}
}

// told waits until the app is live again and the status says what was put right.
func (w *world) told(parts ...string) {
	w.t.Helper()
	w.until("told "+strings.Join(parts, ", "), func(s deploy.Status) error {
		if s.Phase != deploy.PhaseLive {
			return fmt.Errorf("phase %s", s.Phase)
		}
		for _, part := range parts {
			if !strings.Contains(s.Message, part) {
				return fmt.Errorf("the message lacks %q: %s", part, s.Message)
			}
		}
		return nil
	})
}

// service returns the container of a service in one color.
func (w *world) service(color, service string) container.InspectResponse {
	w.t.Helper()
	for _, c := range w.inspect() {
		l := c.Config.Labels
		if l["com.docker.compose.project"] == w.App+"-"+color && l["com.docker.compose.service"] == service {
			return c
		}
	}
	w.t.Fatalf("no container of %s in %s", service, color)
	return container.InspectResponse{}
}
