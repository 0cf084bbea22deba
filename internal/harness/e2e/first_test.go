package e2e

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/go-connections/nat"

	"tandem/internal/config"
	"tandem/internal/harness/load"
	"tandem/internal/harness/stage"
	"tandem/internal/harness/testbed"
	"tandem/internal/harness/testbed/tb"
	"tandem/reconciler/deploy"
)

// scripted is a server on which a script has deployed so far: its stack runs, and Nginx
// passes requests to an upstream that the script writes.
type scripted struct {
	*world
	port    int    // of the stack that people are served by
	project string // of Compose
	load    *load.Runner
	lines   struct{ http, server, pass string } // what the messages have told to write, as it stands in the configuration
	reloads int64
}

// newScripted sets such a server; people make requests all the while.
func newScripted(t *testing.T, o stage.Options, project string, port func(stage.Ports) int) *scripted {
	t.Helper()
	w := &scripted{world: newStage(t, o)}
	w.port, w.project = port(w.Ports), w.App+project
	w.build("0.9.0")
	image := w.Registry() + "/shop:0.9.0"
	if err := w.Engine.Pull(t.Context(), image); err != nil {
		t.Fatal(err)
	}
	c, err := w.Engine.Client.ContainerCreate(t.Context(),
		&container.Config{Image: image, Cmd: []string{"api"}, Env: []string{"COLOR=script"}, ExposedPorts: nat.PortSet{"3000/tcp": {}},
			Labels: map[string]string{"com.docker.compose.project": w.project, "com.docker.compose.service": "api"}},
		&container.HostConfig{NetworkMode: "bridge", PortBindings: nat.PortMap{"3000/tcp": {{HostIP: "127.0.0.1", HostPort: fmt.Sprint(w.port)}}}},
		nil, nil, w.project+"-api-1")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := w.Engine.RemoveProject(context.Background(), w.project); err != nil {
			t.Error(err)
		}
	})
	if err := w.Engine.Client.ContainerStart(t.Context(), c.ID, container.StartOptions{}); err != nil {
		t.Fatal(err)
	}
	w.lines.http = fmt.Sprintf("upstream %s_backend { server 127.0.0.1:%d; }", w.App, w.port)
	w.lines.pass = "proxy_pass http://" + w.App + "_backend;"
	w.site()
	tb.Until(t, patience, "the script's stack", func() error { return w.get("/") })
	w.load = w.steady()
	return w
}

// steady is traffic without WebSockets.
func (w *scripted) steady() *load.Runner {
	w.t.Helper()
	r, err := load.Run(w.t.Context(), load.Options{URL: w.URL(), Connections: 16, PostEvery: 4, Rate: 200})
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { r.Stop() })
	return r
}

// site writes the configuration and reloads Nginx, as a person does.
func (w *scripted) site() {
	w.t.Helper()
	server := w.lines.server + `
    location / { ` + w.lines.pass + ` proxy_http_version 1.1; proxy_set_header Host $host; proxy_set_header Connection ""; }`
	if err := w.Nginx.Configure(testbed.NginxConfig{HTTP: w.lines.http, Server: server}); err != nil {
		w.t.Fatal(err)
	}
	w.reloads++
	if err := w.Nginx.ReloadAndWait(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
}

// told waits for a message that has all of the words, and returns it.
func (w *scripted) told(reason deploy.Reason, words ...string) string {
	w.t.Helper()
	return w.until("a message with "+strings.Join(words, ", "), func(s deploy.Status) error {
		if s.Reason != reason {
			return fmt.Errorf("reason %s", s.Reason)
		}
		for _, word := range words {
			if !strings.Contains(s.Message, word) {
				return fmt.Errorf("the message lacks %q", word)
			}
		}
		return nil
	}).Message
}

// quoted is the line of a message that begins so.
func (w *scripted) quoted(message, start, end string) string {
	w.t.Helper()
	m := regexp.MustCompile(`"(` + regexp.QuoteMeta(start) + `[^"]*` + regexp.QuoteMeta(end) + `)"`).FindStringSubmatch(message)
	if m == nil {
		w.t.Fatalf("the message has no line %q … %q:\n%s", start, end, message)
	}
	return m[1]
}

// letters does what the messages say. A patient person waits until the release is proven,
// and writes all of it at once.
func (w *scripted) letters(mode string, patient bool) {
	w.t.Helper()
	const proven = "in the place of the site's own"
	switch {
	case mode == config.SwitchReload:
		said := w.told(deploy.NotIncluded, `take the site's own upstream "`+w.App+`_backend" out`)
		w.lines.http = w.quoted(said, "include ", "/*.conf;")
		w.site()
	case patient:
		said := w.told(deploy.NotIncluded, "/*.conf;", ".server;", proven)
		w.lines.http += w.quoted(said, "include ", "/*.conf;")
		w.lines.server, w.lines.pass = w.quoted(said, "include ", ".server;"), w.quoted(said, "proxy_pass http://$", ";")
		w.site()
	default:
		said := w.told(deploy.NotIncluded, "/*.conf;", ".server;")
		w.lines.http += w.quoted(said, "include ", "/*.conf;")
		w.lines.server = w.quoted(said, "include ", ".server;")
		w.site()
		w.lines.pass = w.quoted(w.told(deploy.NotIncluded, "no site of Nginx passes", proven), "proxy_pass http://$", ";")
		w.site()
	}
}

// Moving from the script, by doing what the status says and nothing else. Each reload of
// Nginx may close each kept-alive connection once, under a request: that is what the
// reload costs which is made beside it with nothing changed. Nothing else may fail, and
// nobody may be answered by what has not passed its gate.
func TestFirst_MovingFromTheScriptCostsNoRequest(t *testing.T) {
	green := func(p stage.Ports) int { return p.APIGreen }
	blue := func(p stage.Ports) int { return p.APIBlue }
	elsewhere := func(p stage.Ports) int { return p.WebBlue }
	for _, c := range []struct {
		name, mode, project string
		port                func(stage.Ports) int
		color               deploy.Color // that is asked for
		want                deploy.Color
		patient             bool
	}{
		{"flip, the script's ports, its stack is green", config.SwitchFlip, "-green", green, deploy.Auto, deploy.Blue, false},
		{"flip, own ports, another project, green", config.SwitchFlip, "-old", elsewhere, deploy.Green, deploy.Green, true},
		{"reload, the script's ports, its stack is green, blue", config.SwitchReload, "-old", green, deploy.Blue, deploy.Blue, true},
		{"reload, the script's ports, its stack is blue", config.SwitchReload, "-blue", blue, deploy.Auto, deploy.Green, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := newScripted(t, stage.Options{Switch: c.mode}, c.project, c.port)
			before := w.load.Report()
			w.site() // a reload that changes nothing
			tb.Until(t, patience, "requests after the reload", func() error {
				if now := w.load.Report(); now.Requests < before.Requests+200 {
					return fmt.Errorf("%d requests", now.Requests-before.Requests)
				}
				return nil
			})
			idle := w.load.Report()

			w.start()
			w.build("1.0.0")
			commit := w.push(stage.Desired{Tag: "1.0.0", Color: string(c.color)})
			w.letters(c.mode, c.patient)
			w.until("the release promoted", func(s deploy.Status) error {
				if e, ok := entry(s, commit); !ok || e.Result != deploy.Promoted {
					return fmt.Errorf("the history says %+v", e)
				}
				return nil
			})
			if c.project == "-old" && c.port(w.Ports) != elsewhere(w.Ports) {
				w.told(deploy.PortTaken, fmt.Sprintf("port %d", w.port), "go elsewhere")
				if err := w.Engine.RemoveProject(t.Context(), w.project); err != nil {
					t.Fatal(err)
				}
			}
			w.live(commit, "1.0.0", c.want)
			w.cost(before, idle)
		})
	}
}

// cost stops the load and compares what failed with what a reload costs. It closes
// connections of people; more is what else it may do.
func (w *scripted) cost(before, idle load.Report, more ...load.Kind) {
	w.t.Helper()
	all := w.load.Stop()
	// tandem reloads Nginx too: once for its files, once for the ports of the first stack.
	most := (w.reloads - 1 + 2) * int64(len(all.Connections))
	w.t.Logf("%d of %d requests failed; one reload that changed nothing: %d of %d; at most %d may",
		all.Failed-idle.Failed, all.Requests-idle.Requests, idle.Failed-before.Failed, idle.Requests-before.Requests, most)
	for kind, n := range all.Kinds {
		if kind != load.EOF && kind != load.Reset && !slices.Contains(more, kind) {
			w.t.Errorf("%d requests failed in the way %q: %v", n, kind, all.Examples)
		}
	}
	if n := all.Failed - before.Failed; n > most {
		w.t.Errorf("%d requests failed, want no more than the %d that reloads may cost: %v", n, most, all.Examples)
	}
	if all.Tag("0.9.0")+all.Tag("1.0.0")+all.Failed != all.Requests || all.Tag("1.0.0") == 0 || all.Color("script") != all.Tag("0.9.0") {
		w.t.Errorf("the answers came from %v", all.Answers)
	}
}
