package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"time"

	"tandem/internal/api"
	"tandem/internal/harness/stage"
	"tandem/internal/harness/testbed"
	"tandem/nginx"
	"tandem/reconciler/deploy"
)

// measureIdle takes what an agent costs that has nothing to do, with one app and with many.
func (b *bench) measureIdle(ctx context.Context) (_ section, err error) {
	f, err := b.newFleet(ctx)
	if err != nil {
		return section{}, err
	}
	defer func() { err = errors.Join(err, f.Close(context.WithoutCancel(ctx))) }()
	s := section{
		intro: fmt.Sprintf(`Real apps that are as desired: each is live with one running container. The agent is
restarted, looks at everything once, and is then left alone for %s, looking at a repository of
this machine every ten seconds as it does by default; CPU is told for an hour. Memory is VmRSS, the
median of a look each second; the highest is VmHWM, the start included. What Docker and Nginx do
meanwhile is not in it.`, b.idle),
		header: []string{"what", "CPU seconds an hour", "memory", "the highest"},
	}
	for _, count := range []int{1, b.apps} {
		for len(f.apps) < count {
			if err := f.grow(ctx, min(batch, count-len(f.apps))); err != nil {
				return section{}, err
			}
		}
		one, err := f.idle(ctx, b.idle)
		if err != nil {
			return section{}, err
		}
		s.rows = append(s.rows, []string{fmt.Sprintf("apps of one agent: %d", count), plain(one.cpu), one.resident.text(megabytes), megabytes(one.highest)})
		b.say("  %v", s.rows[len(s.rows)-1])
		if count == 1 {
			s.notes = []string{target("memory with 1 app", one.resident.median(), 40e6, megabytes)}
		}
	}
	return s, nil
}

// fleet is one agent that looks after apps of one repository, each with one container.
type fleet struct {
	*stage.Stage
	program string
	apps    []string
	ports   []*testbed.Ports
	agent   *stage.Agent
	log     stage.Log
}

// fleetTag is the release that all apps of a fleet have.
const fleetTag = "1.0.0"

// newFleet sets up what an agent needs; there is no app yet, and the agent does not run.
func (b *bench) newFleet(ctx context.Context) (_ *fleet, err error) {
	// Short: Nginx has variables with the names of the apps in them, and bounds those.
	s, err := stage.New(ctx, stage.Options{App: fmt.Sprintf("idle-%06x", rand.N(1<<24)), Bare: true})
	if err != nil {
		return nil, err
	}
	f := &fleet{Stage: s, program: b.program, log: stage.Log{Path: filepath.Join(s.Dir, "agent.log")}}
	if err := s.Build(ctx, fleetTag); err != nil {
		return nil, errors.Join(err, f.Close(context.WithoutCancel(ctx)))
	}
	return f, nil
}

// batch is how many new apps a commit has: all of them are deployed at the same
// time, and none may wait for longer than its gate does.
const batch = 10

// grow adds apps, and returns when all are live and there is nothing left to do.
func (f *fleet) grow(ctx context.Context, count int) error {
	compose, err := os.ReadFile(filepath.Join(f.Work, f.App, "compose.yaml"))
	if err != nil {
		return err
	}
	for range count {
		ports, err := testbed.ReservePorts(2)
		if err != nil {
			return err
		}
		f.ports = append(f.ports, ports)
		app, dir := f.App, filepath.Join(f.Work, f.App)
		if len(f.apps) > 0 { // the first is the one that the stage made
			app = fmt.Sprintf("%s-%d", f.App, len(f.apps))
			dir = filepath.Join(f.Work, app)
		}
		f.apps = append(f.apps, app)
		desired := fmt.Sprintf("app: %s\ntag: %q\nenv: {REGISTRY: %q}\nroutes:\n  api: {ports: {blue: %d, green: %d}, health: {path: /health, max_latency: 10s}}\n"+
			"gate: {timeout: 5m}\n%s", app, fleetTag, f.Registry(), ports.Numbers[0], ports.Numbers[1], policies)
		err = errors.Join(os.MkdirAll(dir, 0o755),
			os.WriteFile(filepath.Join(dir, "tandem.yaml"), []byte(desired), 0o644),
			os.WriteFile(filepath.Join(dir, "compose.yaml"), compose, 0o644))
		if err != nil {
			return err
		}
	}
	if _, err := f.Commit(ctx, fmt.Sprintf("%d apps", len(f.apps))); err != nil {
		return err
	}
	if f.agent == nil {
		if err := f.start(); err != nil {
			return err
		}
	}
	if err := testbed.Until(ctx, "generated files", func() error { return f.addSites(ctx) }); err != nil {
		return err
	}
	return f.settled(ctx)
}

// addSites makes Nginx pass requests to all apps. It returns an error as long as the
// agent has not generated their files.
func (f *fleet) addSites(ctx context.Context) error {
	dir := f.Config().Nginx.Dir
	var locations strings.Builder
	for _, app := range f.apps {
		if _, err := os.Stat(filepath.Join(dir, app+".server")); err != nil {
			return err
		}
		fmt.Fprintf(&locations, "    location /%s/ { proxy_pass http://%s; }\n", app, nginx.Variable(app, "api"))
	}
	err := f.Nginx.Configure(testbed.NginxConfig{
		HTTP:   "    include " + filepath.Join(dir, "*.conf") + ";\n",
		Server: "    include " + filepath.Join(dir, "tandem.server") + ";\n" + locations.String(),
	})
	if err != nil {
		return err
	}
	return f.Nginx.ReloadAndWait(ctx)
}

func (f *fleet) start() (err error) {
	f.agent, err = stage.StartAgent(f.program, f.Flags(), f.log, false)
	return err
}

// settleTime is far more than a batch takes.
const settleTime = 10 * time.Minute

// settled waits until every app is live and there is nothing left to do.
func (f *fleet) settled(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, settleTime, fmt.Errorf("not settled after %s", settleTime))
	defer cancel()
	client := api.NewClient(f.Config().Listen)
	err := testbed.Until(ctx, fmt.Sprintf("%d apps live", len(f.apps)), func() error {
		if f.agent.Ended() {
			cancel()
			return errors.New("the agent ended")
		}
		statuses, err := client.Statuses(ctx)
		if err != nil {
			return err
		}
		for _, s := range statuses {
			if s.Phase != deploy.PhaseLive || s.Reason != deploy.UpToDate {
				return fmt.Errorf("%s is %s (%s): %s", s.App, s.Phase, s.Reason, s.Message)
			}
		}
		if len(statuses) < len(f.apps) {
			return fmt.Errorf("the agent knows %d", len(statuses))
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("%w; the end of the agent's log:\n%s", err, f.log.Tail(10))
	}
	return nil
}

// idleness is what an agent used while it had nothing to do.
type idleness struct {
	cpu      float64 // seconds an hour
	resident series  // bytes, one look a second
	highest  float64 // bytes
}

// idle restarts the agent, lets it look at everything, and watches it for a time.
func (f *fleet) idle(ctx context.Context, long time.Duration) (found idleness, err error) {
	if err := errors.Join(f.agent.Stop(ctx), f.start(), f.settled(ctx)); err != nil {
		return found, err
	}
	before, err := cpuOf(f.agent.PID())
	if err != nil {
		return found, err
	}
	began := time.Now()
	for time.Since(began) < long {
		select {
		case <-ctx.Done():
			return found, ctx.Err()
		case <-time.After(min(time.Second, long)):
		}
		m, err := memoryOf(f.agent.PID())
		if err != nil {
			return found, err
		}
		found.resident, found.highest = append(found.resident, m.resident), m.highest
	}
	after, err := cpuOf(f.agent.PID())
	found.cpu = (after - before) / time.Since(began).Hours()
	return found, err
}

// Close removes all that the fleet made.
func (f *fleet) Close(ctx context.Context) error {
	var errs []error
	if f.agent != nil {
		errs = append(errs, f.agent.Stop(ctx))
	}
	for _, app := range f.apps {
		for _, color := range deploy.Colors() {
			errs = append(errs, f.Engine.RemoveProject(ctx, app+"-"+string(color)))
		}
	}
	errs = append(errs, f.Stage.Close(ctx))
	for _, p := range f.ports {
		errs = append(errs, p.Close())
	}
	return errors.Join(errs...)
}
