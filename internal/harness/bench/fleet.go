package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"time"

	"tandem/internal/api"
	"tandem/internal/config"
	"tandem/internal/harness/stage"
	"tandem/internal/harness/testbed"
	"tandem/reconciler/deploy"
)

// fleet is one agent that looks after apps of one repository, each with one
// container, behind an Nginx of its own.
type fleet struct {
	fixture *fixture
	program string
	dir     string
	git     *gitServer
	nginx   *testbed.Nginx
	ports   *testbed.Ports // confirm, listen
	more    []*testbed.Ports
	apps    []string
	log     stage.Log
	agent   *stage.Agent
	client  *api.Client
	secret  string
}

// newFleet sets up what an agent needs; there is no app yet, and the agent does not run.
func (b *bench) newFleet(ctx context.Context, g *fixture) (_ *fleet, err error) {
	f := &fleet{fixture: g, program: b.program, secret: name("secret")}
	defer func() {
		if err != nil {
			err = errors.Join(err, f.Close(context.WithoutCancel(ctx)))
		}
	}()
	if f.dir, err = testbed.Dir("tandem-fleet-"); err != nil {
		return nil, err
	}
	f.log = stage.Log{Path: f.path("agent.log")}
	if err := os.WriteFile(f.path("secret"), []byte(f.secret), 0o600); err != nil {
		return nil, err
	}
	if err := os.Mkdir(f.path("nginx"), 0o755); err != nil {
		return nil, err
	}
	if f.ports, err = testbed.ReservePorts(2); err != nil {
		return nil, err
	}
	f.client = api.NewClient(f.listen())
	if f.git, err = serveGit(ctx, f.path("repo.git")); err != nil {
		return nil, err
	}
	// A pattern that matches nothing is no error, so the site is there from the beginning.
	f.nginx, err = startNginx(ctx, func(string) testbed.NginxConfig {
		return testbed.NginxConfig{
			HTTP:   "    include " + f.path("nginx", "*.conf") + ";\n",
			Server: "    include " + f.path("nginx", "tandem.serve[r]") + ";\n    location = /status { access_log off; stub_status; }\n",
		}
	})
	return f, err
}

func (f *fleet) path(elem ...string) string {
	return filepath.Join(append([]string{f.dir}, elem...)...)
}

func (f *fleet) listen() string { return fmt.Sprintf("127.0.0.1:%d", f.ports.Numbers[1]) }

// start starts the agent as it is by default: it looks at the repository every ten seconds.
func (f *fleet) start() (err error) {
	f.agent, err = stage.StartAgent(f.program, []string{
		"--repo-url", f.git.url, "--repo-poll", config.Default().Repo.Poll.String(), "--repo-webhook-secret-file", f.path("secret"), "--policy-allow", "external:" + f.fixture.name,
		"--nginx-dir", f.path("nginx"), "--nginx-command", f.nginx.Command(),
		"--nginx-confirm", fmt.Sprintf("127.0.0.1:%d", f.ports.Numbers[0]),
		"--listen", f.listen(), "--state", f.path("state"),
	}, f.log, false)
	return err
}

// restart makes a new process of the agent, and returns when that has looked at all.
func (f *fleet) restart(ctx context.Context) error {
	if err := f.agent.Stop(ctx); err != nil {
		return err
	}
	if err := f.start(); err != nil {
		return err
	}
	return f.settled(ctx)
}

// batch is how many new apps a commit has: all of them are deployed at the same
// time, and none may wait for longer than its gate does.
const batch = 10

// grow adds apps until there are so many, and returns when all are live and left alone.
func (f *fleet) grow(ctx context.Context, count int) error {
	for len(f.apps) < count {
		if err := f.addApps(ctx, min(batch, count-len(f.apps))); err != nil {
			return err
		}
		if f.agent == nil {
			if err := f.start(); err != nil {
				return err
			}
		} else if err := f.wake(ctx); err != nil {
			return err
		}
		if err := f.settled(ctx); err != nil {
			return err
		}
	}
	return nil
}

// addApps commits new apps.
func (f *fleet) addApps(ctx context.Context, count int) error {
	files := map[string]string{}
	for range count {
		ports, err := testbed.ReservePorts(2)
		if err != nil {
			return err
		}
		f.more = append(f.more, ports)
		app := fmt.Sprintf("%s-%d", f.fixture.name, ports.Numbers[0])
		f.apps = append(f.apps, app)
		files[app+"/tandem.yaml"] = f.desired(app, ports.Numbers, "new")
		files[app+"/compose.yaml"] = fmt.Sprintf(fleetCompose, f.fixture.name)
	}
	return f.git.commit(ctx, fmt.Sprintf("%d apps", len(f.apps)), files)
}

// fleetCompose is a stack of one small container.
const fleetCompose = `services:
  api:
    image: %[1]s:${TAG}
    command: [api]
    stop_grace_period: 1s
    environment: {COLOR: "${COLOR}"}
    ports: ["127.0.0.1:${API_PORT}:3000"]
networks:
  default: {name: %[1]s, external: true}
`

// desired is the tandem.yaml of an app. The comment is part of its content and of
// no release.
func (f *fleet) desired(app string, ports []int, comment string) string {
	return fmt.Sprintf("# %s\napp: %s\ntag: %q\nroutes:\n  api: {ports: {blue: %d, green: %d}, health: {path: /health, max_latency: 10s}}\n"+
		"gate: {timeout: 5m}\n%s", comment, app, groundTag, ports[0], ports[1], policies)
}

// wake sends what a Git server sends after a push.
func (f *fleet) wake(ctx context.Context) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+f.listen()+"/hooks/git", bytes.NewReader(nil))
	if err != nil {
		return err
	}
	req.Header.Set("X-Gitlab-Token", f.secret)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	if err := res.Body.Close(); err != nil || res.StatusCode != http.StatusAccepted {
		return errors.Join(err, fmt.Errorf("wake the agent: it answers %s", res.Status))
	}
	return nil
}

// settleTime is far more than a batch takes.
const settleTime = 10 * time.Minute

// settled waits until every app is live and there is nothing left to do.
func (f *fleet) settled(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, settleTime, fmt.Errorf("not settled after %s", settleTime))
	defer cancel()
	err := testbed.Until(ctx, fmt.Sprintf("%d apps live", len(f.apps)), func() error {
		if f.agent.Ended() {
			cancel()
			return errors.New("the agent ended")
		}
		statuses, err := f.client.Statuses(ctx)
		if err != nil {
			return err
		}
		live := 0
		for _, s := range statuses {
			if s.Phase == deploy.PhaseLive && s.Reason == deploy.UpToDate {
				live++
			} else {
				err = fmt.Errorf("%s is %s (%s): %s", s.App, s.Phase, s.Reason, s.Message)
			}
		}
		if live < len(f.apps) {
			return fmt.Errorf("%d are: %w", live, errors.Join(err, errors.New("the others are not")))
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("%w; the end of the agent's log:\n%s", err, f.log.Tail(10))
	}
	return nil
}

var requestsHandled = regexp.MustCompile(`(?m)^ \d+ \d+ (\d+)`)

// asked is how many requests the fleet's Nginx has had. Nobody but the agent and
// this function asks it anything, and this function's own are not counted.
func (f *fleet) asked(ctx context.Context, own *int) (int, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, f.nginx.URL()+"/status", nil)
	if err != nil {
		return 0, err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, err
	}
	text, err := io.ReadAll(res.Body)
	if err := errors.Join(err, res.Body.Close()); err != nil {
		return 0, err
	}
	found := requestsHandled.FindSubmatch(text)
	if found == nil {
		return 0, fmt.Errorf("nginx says %q of itself", text)
	}
	n, err := strconv.Atoi(string(found[1]))
	*own++
	return n - *own, err
}

// Close removes all that the fleet made.
func (f *fleet) Close(ctx context.Context) error {
	var errs []error
	if f.agent != nil {
		errs = append(errs, f.agent.Stop(ctx))
	}
	for _, app := range f.apps {
		for _, color := range deploy.Colors() {
			errs = append(errs, f.fixture.engine.RemoveProject(ctx, app+"-"+string(color)))
		}
	}
	if f.nginx != nil {
		errs = append(errs, f.nginx.Close(ctx))
	}
	if f.git != nil {
		errs = append(errs, f.git.Close())
	}
	for _, p := range append(f.more, f.ports) {
		if p != nil {
			errs = append(errs, p.Close())
		}
	}
	return errors.Join(append(errs, os.RemoveAll(f.dir))...)
}
