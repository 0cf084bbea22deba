package compose_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/docker/docker/api/types/network"
	"github.com/google/go-cmp/cmp"

	"tandem/compose"
	"tandem/internal/harness/testbed/tb"
	"tandem/reconciler/deploy"
)

func TestUp_ACommandThatDoesNotExistRejectsTheRelease(t *testing.T) {
	b := newBed(t, "nocommand")
	b.runs(b.image+":1", "    entrypoint: [/no/such/program]\n")
	wantRejected(t, b.attempt(), deploy.CannotStart, "/no/such/program")
	b.runs(b.image+":1", "    user: nobody-here\n")
	wantRejected(t, b.attempt(), deploy.CannotStart, "nobody-here")
	b.runs(b.image + ":1")
	b.up(deploy.Blue)
	b.answers(deploy.Blue, "1 blue")
}

func TestUp_WaitsForAOneShotAndRunsItOnce(t *testing.T) {
	b := newBed(t, "oneshot")
	b.runs(b.image+":1", `    depends_on: {migrate: {condition: service_completed_successfully}}
  migrate:
    image: IMAGE:1
    command: [exit, "0"]
`)
	b.up(deploy.Blue)
	migrate := b.instance(deploy.Blue, "migrate")
	if !migrate.OneShot || !migrate.Up() || b.stack(deploy.Blue).Condition != deploy.Running {
		t.Errorf("migrate is %+v in %s stack, want a one-shot that ended well", migrate, b.stack(deploy.Blue).Condition)
	}
	b.kill(b.instance(deploy.Blue, "api"))
	b.up(deploy.Blue)
	if err := b.engine.RemoveContainer(t.Context(), b.instance(deploy.Blue, "api").ID); err != nil {
		t.Fatal(err)
	}
	b.up(deploy.Blue)
	b.answers(deploy.Blue, "1 blue")
	if again := b.instance(deploy.Blue, "migrate"); again.ID != migrate.ID || !again.StartedAt.Equal(migrate.StartedAt) {
		t.Errorf("migrate was %+v, is %+v: want it to run once", migrate, again)
	}
}

// TestUp_AOneShotThatWasPrunedIsNotRunAgainAfterTheGate has the api die and a singleton
// come later: both wait for the one-shot, whose container is gone.
func TestUp_AOneShotThatWasPrunedIsNotRunAgainAfterTheGate(t *testing.T) {
	b := newBed(t, "prunedshot")
	b.app.Singletons = []string{"scheduler"}
	const waits = "depends_on: {migrate: {condition: service_completed_successfully}}"
	b.runs(b.image+":1", "    "+waits+`
  migrate: {image: 'IMAGE:1', command: [exit, "0"]}
  scheduler: {image: 'IMAGE:1', command: [wait], `+waits+`}
  worker: {image: 'IMAGE:1', command: [wait]}
`)
	b.up(deploy.Blue)
	b.removeService("migrate")
	pruned := b.stack(deploy.Blue)
	if diff := cmp.Diff([]string{"migrate"}, pruned.MissingOneShots); diff != "" || pruned.Condition != deploy.Broken {
		t.Errorf("the stack is %s and misses (-want +got):\n%s", pruned.Condition, diff)
	}
	how := &deploy.Start{Was: deploy.Started{Release: b.app.Release, Gated: true}}
	heal := func() {
		t.Helper()
		if err := b.client.Up(t.Context(), b.app, deploy.Blue, how); err != nil {
			t.Fatal(err)
		}
		b.answers(deploy.Blue, "1 blue")
	}
	b.kill(b.instance(deploy.Blue, "api"))
	heal()
	b.removeService("api")
	heal()
	b.startSingletons(deploy.Blue)
	var services []string
	for _, c := range b.stack(deploy.Blue).Containers {
		services = append(services, c.Service)
	}
	if diff := cmp.Diff([]string{"api", "scheduler", "worker"}, services); diff != "" {
		t.Errorf("the stack has containers of (-want +got):\n%s", diff)
	}

	how.Was.Gated = false
	heal()
	if again := b.instance(deploy.Blue, "migrate"); !again.Up() {
		t.Errorf("in a stack that never passed a gate migrate is %+v, want it run", again)
	}
}

// removeService removes the container of a service in blue.
func (b *bed) removeService(service string) {
	b.t.Helper()
	if err := b.engine.RemoveContainer(b.t.Context(), b.instance(deploy.Blue, service).ID); err != nil {
		b.t.Fatal(err)
	}
}

// TestUp_WhatMayEndIsDoneOnceItHasEnded has a job that nobody waits for. It is not run again
// for what others lack, and is started with its stack where that was stopped as a whole.
func TestUp_WhatMayEndIsDoneOnceItHasEnded(t *testing.T) {
	b := newBed(t, "mayend")
	b.runs(b.image+":1", `
  import: {image: 'IMAGE:1', command: [exit, "0"], restart: "no"}
  mailer: {image: 'IMAGE:1', command: [wait], restart: "no"}
`)
	b.up(deploy.Blue)
	ended := func() deploy.Container {
		t.Helper()
		tb.Until(t, patience, "the import", func() error {
			if c := b.instance(deploy.Blue, "import"); c.State != "exited" {
				return errors.New(c.State)
			}
			return nil
		})
		if s := b.stack(deploy.Blue); s.Condition != deploy.Running {
			t.Fatalf("the stack is %s, want it running: %+v", s.Condition, s)
		}
		return b.instance(deploy.Blue, "import")
	}
	first := ended()
	b.kill(b.instance(deploy.Blue, "api"))
	b.up(deploy.Blue)
	b.answers(deploy.Blue, "1 blue")
	if again := ended(); again.ID != first.ID || !again.StartedAt.Equal(first.StartedAt) {
		t.Errorf("the import was %+v, is %+v: want it to run once", first, again)
	}
	if err := b.client.Stop(t.Context(), b.app, deploy.Blue); err != nil {
		t.Fatal(err)
	}
	if s := b.stack(deploy.Blue); s.Condition != deploy.Stopped {
		t.Errorf("after its stop the stack is %s", s.Condition)
	}
	b.up(deploy.Blue)
	b.answers(deploy.Blue, "1 blue")
	if c := b.instance(deploy.Blue, "mailer"); c.State != "running" {
		t.Errorf("the mailer ended with %d when it was stopped, and is %s now", c.ExitCode, c.State)
	}
}

func TestUp_AOneShotThatFailsRejectsTheReleaseWithItsLog(t *testing.T) {
	b := newBed(t, "badshot")
	b.runs(b.image+":1", `    depends_on: {migrate: {condition: service_completed_successfully}}
  migrate:
    image: IMAGE:1
    command: [exit, "7"]
`)
	err := b.attempt()
	wantRejected(t, err, deploy.ContainerExited, "migrate", "7")
	wantLogs(t, err, "leaving with 7")
	if s := b.stack(deploy.Blue); s.Condition == deploy.Running {
		t.Error("the stack counts as running")
	}
}

func TestUp_ADependencyThatIsUnhealthyRejectsTheRelease(t *testing.T) {
	b := newBed(t, "unhealthy")
	b.runs(b.image+":1", `    depends_on: {cache: {condition: service_healthy}}
  cache:
    image: IMAGE:1
    command: [print, 'not ready\n', '']
    healthcheck: {test: [CMD, /probe, exit, "1"], interval: 100ms, retries: 1}
`)
	err := b.attempt()
	wantRejected(t, err, deploy.Unhealthy, "cache")
	wantLogs(t, err, "not ready")
}

func TestUp_HealsBesideADependencyThatBecameUnhealthy(t *testing.T) {
	b := newBed(t, "sick")
	b.runs(b.image+":1", `    depends_on: {cache: {condition: service_healthy}}
  cache:
    image: IMAGE:1
    command: [file, /healthy]
    healthcheck: {test: [CMD, /probe, stat, /healthy], interval: 100ms, retries: 1}
  worker: {image: 'IMAGE:1', command: [wait]}
`)
	b.up(deploy.Blue)
	before := instances(b.stack(deploy.Blue))
	cache := b.instance(deploy.Blue, "cache")
	if err := b.engine.Client.ContainerKill(t.Context(), cache.ID, "HUP"); err != nil {
		t.Fatal(err)
	}
	tb.Until(t, patience, "the cache to be unhealthy", func() error {
		info, err := b.engine.Client.ContainerInspect(t.Context(), cache.ID)
		if err == nil && info.State.Health.Status != "unhealthy" {
			err = errors.New(info.State.Health.Status)
		}
		return err
	})
	b.kill(b.instance(deploy.Blue, "worker"))
	b.up(deploy.Blue)
	after := b.stack(deploy.Blue)
	if got := instances(after); got["api"] != before["api"] || got["cache"] != before["cache"] || after.Condition != deploy.Running {
		t.Errorf("containers were %v, are %v: want only the worker started", before, after)
	}
}

func TestUp_APortOfSomebodyElseIsTemporaryAndNamed(t *testing.T) {
	b := newBed(t, "port")
	b.runs(b.image + ":1")
	port := b.app.Routes[0].Ports.Blue
	listener, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
	if err != nil {
		t.Fatal(err)
	}
	wantTemporary(t, b.attempt(), deploy.PortTaken, fmt.Sprintf("port %d is in use by the program ", port))
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	b.up(deploy.Blue)
	b.app.Routes[0].Ports.Green = port // as somebody else's stack would have it
	b.app.Routes[0].Ports.Blue = port + 1
	b.resolve()
	err = b.client.Up(t.Context(), b.app, deploy.Green, nil)
	wantTemporary(t, err, deploy.PortTaken, fmt.Sprintf("port %d is in use by the container %s-api-1", port, b.app.Project(deploy.Blue)))
}

// TestObserve_WhatTookTooMuchMemorySaysSo has the engine start it again and again.
func TestObserve_WhatTookTooMuchMemorySaysSo(t *testing.T) {
	b := newBed(t, "oom")
	b.runs(b.image+":1", "  worker: {image: 'IMAGE:1', command: [grow, now], restart: always, mem_limit: 16m, memswap_limit: 16m, network_mode: none}\n")
	b.up(deploy.Blue)
	tb.Until(t, patience, "the end of the worker", func() error {
		c := b.instance(deploy.Blue, "worker")
		if c.State != "restarting" || c.HowEnded() != "exit code 137, out of memory" {
			return fmt.Errorf("it is %s: %s", c.State, c.HowEnded())
		}
		return nil
	})
}

// TestResolve_MoreProcessorsThanThisHostHasAreFaultsOfTheFile asks for all that there are,
// which is run, and for more.
func TestResolve_MoreProcessorsThanThisHostHasAreFaultsOfTheFile(t *testing.T) {
	b := newBed(t, "cpus")
	info, err := b.engine.Client.Info(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	b.app.Shared = "compose.shared.yaml"
	write := func(n int) {
		b.runs(b.image+":1", fmt.Sprintf("    cpus: %d\n  worker: {image: 'IMAGE:1', command: [wait], deploy: {resources: {limits: {cpus: '%d'}}}}\n", n, n))
		b.write(b.app.Shared, fmt.Sprintf("services: {db: {image: 'IMAGE:1', command: [wait], network_mode: none, cpus: %d.5}}\n", n-1))
	}
	write(info.NCPU + 1)
	_, err = b.client.Resolve(t.Context(), b.app)
	faults, ok := deploy.AsFaults(err)
	if !ok || len(faults) != 3 {
		t.Fatalf("got %v, want three faults", err)
	}
	want := fmt.Sprintf("compose.yaml:6: services.api.cpus: this host has %d processors, and %d are asked for: write %[1]d or less", info.NCPU, info.NCPU+1)
	if got := faults[1].String(); !strings.HasSuffix(got, want) {
		t.Errorf("told %s\nwant %s", got, want)
	}
	write(info.NCPU)
	b.up(deploy.Blue)
}

// The singleton of both colors wants one address on a network, which it has in one at a time.
func TestStartSingletons_AnAddressThatSomebodyHasIsNoPort(t *testing.T) {
	b := newBed(t, "address")
	name := "n-" + b.app.Name
	b.client = newClient(t, compose.Options{ConfigDir: b.config, Policy: []string{"external:" + name}})
	subnet := fmt.Sprintf("198.18.%d.", rand.N(256))
	b.network(name, network.IPAMConfig{Subnet: subnet + "0/24"})
	b.app.Singletons = []string{"clock"}
	b.runs(b.image+":1", "  clock: {image: 'IMAGE:1', command: [wait], networks: {n: {ipv4_address: "+subnet+"9}}}\nnetworks: {n: {name: "+name+", external: true}}\n")
	b.up(deploy.Blue)
	b.up(deploy.Green)
	b.startSingletons(deploy.Blue)
	err := b.client.StartSingletons(t.Context(), b.app, deploy.Green)
	var temporary *deploy.TemporaryError
	if err == nil || errors.As(err, &temporary) || strings.Contains(err.Error(), "port") || !strings.Contains(err.Error(), "ddress already in use") {
		t.Errorf("got %v, want Docker's words about the address", err)
	}
	b.stopSingletons(deploy.Blue)
	b.startSingletons(deploy.Green)
}

func TestUp_CutShortWhileItWaitsReturnsAndLaterConverges(t *testing.T) {
	b := newBed(t, "cutwait")
	b.runs(b.image+":1", `    depends_on: {slow: {condition: service_completed_successfully}}
  slow:
    image: IMAGE:1
    command: [hang]
    stop_grace_period: 0s
`)
	b.resolve()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- b.client.Up(ctx, b.app, deploy.Blue, nil) }()
	tb.Until(t, patience, "the one-shot", func() error {
		for _, c := range b.stack(deploy.Blue).Containers {
			if c.Service == "slow" && c.State == "running" {
				return nil
			}
		}
		return errors.New("it does not run yet")
	})
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
	if s := b.stack(deploy.Blue); len(s.Containers) != 1 || s.Condition != deploy.Running {
		t.Errorf("observed %+v, want the api alone", s)
	}
}

func TestClient_SaysThatDockerIsAway(t *testing.T) {
	app := deploy.App{
		Name: "shop", Dir: "shop", File: "shop/tandem.yaml", Tag: "1.4.2", Root: t.TempDir(),
		Routes: []deploy.Route{{Name: "api", Service: "api", Ports: deploy.Ports{Blue: 3001, Green: 3002}}},
	}
	text := "services: {api: {image: 'a:1', ports: ['${API_PORT}:3000']}}\n"
	if err := os.WriteFile(filepath.Join(app.Root, "compose.yaml"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	client := newClient(t, compose.Options{ConfigDir: t.TempDir(), Host: "unix://" + t.TempDir() + "/no.sock"})
	var err error
	if app.Release, err = client.Resolve(t.Context(), app); err != nil {
		t.Fatal(err)
	}
	_, observe := client.Observe(t.Context(), app)
	_, roots := client.Roots(t.Context())
	for name, err := range map[string]error{
		"observe": observe, "roots": roots,
		"up":     client.Up(t.Context(), app, deploy.Blue, nil),
		"stop":   client.Stop(t.Context(), app, deploy.Blue),
		"health": client.Health(t.Context(), deploy.Container{ID: strings.Repeat("0", 64)}),
	} {
		t.Run(name, func(t *testing.T) { wantTemporary(t, err, deploy.DockerAway) })
	}
}
