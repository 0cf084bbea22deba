package compose_test

import (
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"tandem/internal/harness/testbed"
	"tandem/internal/harness/testbed/tb"
	"tandem/reconciler/deploy"
)

// withScheduler is an app in blue whose scheduler and clock run in the live color
// only. The scheduler needs the api and the clock.
func withScheduler(t *testing.T, name string) *bed {
	t.Helper()
	b := newBed(t, name)
	b.app.Singletons = []string{"scheduler", "clock"}
	b.runs("IMAGE:${TAG}", `  scheduler:
    image: IMAGE:${TAG}
    command: [wait]
    restart: always
    depends_on: [api, clock]
  clock: {image: 'IMAGE:1', command: [hang], restart: on-failure, stop_grace_period: 0s}
`)
	b.up(deploy.Blue)
	return b
}

func (b *bed) startSingletons(color deploy.Color) {
	b.t.Helper()
	if err := b.client.StartSingletons(b.t.Context(), b.app, color); err != nil {
		b.t.Fatal(err)
	}
}

func (b *bed) stopSingletons(color deploy.Color) {
	b.t.Helper()
	if err := b.client.StopSingletons(b.t.Context(), b.app, color); err != nil {
		b.t.Fatal(err)
	}
}

// wantSingletons checks the duty of a color, and that it decides nothing else.
func (b *bed) wantSingletons(color deploy.Color, want deploy.SingletonState) {
	b.t.Helper()
	s := b.stack(color)
	if s.Singletons != want || s.Condition != deploy.Running || len(s.Missing) > 0 || s.Release != b.app.Release {
		b.t.Fatalf("observed %+v, want it running, complete and %s", s, want)
	}
}

// restartOf is the restart policy that the engine has for a service's container.
func (b *bed) restartOf(color deploy.Color, service string) string {
	b.t.Helper()
	info, err := b.engine.Client.ContainerInspect(b.t.Context(), b.instance(color, service).ID)
	if err != nil {
		b.t.Fatal(err)
	}
	return string(info.HostConfig.RestartPolicy.Name)
}

func TestUp_StartsNoSingleton(t *testing.T) {
	b := withScheduler(t, "single")
	b.wantSingletons(deploy.Blue, deploy.SingletonsStopped)
	if got := b.stack(deploy.Blue).Containers; len(got) != 1 || got[0].Service != "api" || got[0].Singleton {
		t.Errorf("containers are %+v, want the api alone", got)
	}
	b.app.Singletons = nil
	b.resolve()
	b.up(deploy.Blue)
	b.wantSingletons(deploy.Blue, deploy.NoSingletons)
}

func TestStartAndStopSingletons_HandThemOverAndBack(t *testing.T) {
	b := withScheduler(t, "handover")
	api := instances(b.stack(deploy.Blue))["api"]
	b.startSingletons(deploy.Blue)
	b.wantSingletons(deploy.Blue, deploy.SingletonsRunning)
	b.up(deploy.Green)
	b.wantSingletons(deploy.Green, deploy.SingletonsStopped)
	scheduler := b.instance(deploy.Blue, "scheduler")
	for range 2 { // neither minds being called again
		b.stopSingletons(deploy.Blue)
		b.wantSingletons(deploy.Blue, deploy.SingletonsStopped)
	}
	for range 2 {
		b.startSingletons(deploy.Green)
		b.wantSingletons(deploy.Green, deploy.SingletonsRunning)
	}
	b.stopSingletons(deploy.Green)
	b.startSingletons(deploy.Blue)
	b.wantSingletons(deploy.Blue, deploy.SingletonsRunning)
	again := b.instance(deploy.Blue, "scheduler")
	if again.ID != scheduler.ID || !again.StartedAt.After(scheduler.StartedAt) || !again.Singleton {
		t.Errorf("the scheduler was %+v, is %+v: want it started again", scheduler, again)
	}
	if now := instances(b.stack(deploy.Blue))["api"]; now != api {
		t.Errorf("the api was %s, is %s: want it untouched", api, now)
	}
}

func TestStopSingletons_LeavesNothingThatDockerWouldStartAgain(t *testing.T) {
	b := withScheduler(t, "norestart")
	b.startSingletons(deploy.Blue)
	policies := func() []string {
		return []string{b.restartOf(deploy.Blue, "scheduler"), b.restartOf(deploy.Blue, "clock")}
	}
	singletonsRun, singletonsStopped := []string{"unless-stopped", "on-failure"}, []string{"unless-stopped", "no"}
	if diff := cmp.Diff(singletonsRun, policies()); diff != "" {
		t.Errorf("restart policies while they run (-want +got):\n%s", diff)
	}
	b.stopSingletons(deploy.Blue)
	if diff := cmp.Diff(singletonsStopped, policies()); diff != "" {
		t.Errorf("restart policies while they are stopped (-want +got):\n%s", diff)
	}
	b.startSingletons(deploy.Blue)
	if diff := cmp.Diff(singletonsRun, policies()); diff != "" {
		t.Errorf("restart policies when they run again (-want +got):\n%s", diff)
	}
	if err := b.client.Stop(t.Context(), b.app, deploy.Blue); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(singletonsStopped, policies()); diff != "" {
		t.Errorf("restart policies in a stopped stack (-want +got):\n%s", diff)
	}
}

func TestStopSingletons_StopsOneThatKeepsRestartingAndOneThatIsPaused(t *testing.T) {
	b := newBed(t, "crashing")
	b.app.Singletons = []string{"crasher", "sleeper"}
	b.runs("IMAGE:${TAG}", `  crasher: {image: 'IMAGE:1', command: [exit, "3"], restart: on-failure}
  sleeper: {image: 'IMAGE:1', command: [wait], stop_grace_period: 0s}
`)
	b.up(deploy.Blue)
	b.startSingletons(deploy.Blue)
	if err := b.engine.Client.ContainerPause(t.Context(), b.instance(deploy.Blue, "sleeper").ID); err != nil {
		t.Fatal(err)
	}
	tb.Until(t, patience, "a restart", func() error {
		if c := b.instance(deploy.Blue, "crasher"); c.State != "restarting" {
			return errors.New("it is " + c.State)
		}
		return nil
	})
	b.wantSingletons(deploy.Blue, deploy.SingletonsPartly)
	b.stopSingletons(deploy.Blue)
	b.wantSingletons(deploy.Blue, deploy.SingletonsStopped)
	if got := b.restartOf(deploy.Blue, "crasher"); got != "no" {
		t.Errorf("its restart policy is %s, want no", got)
	}
}

func TestSingletonState_IsPartlyWhileOneIsDeadOrMissing(t *testing.T) {
	b := withScheduler(t, "partly")
	b.startSingletons(deploy.Blue)
	b.kill(b.instance(deploy.Blue, "clock"))
	if err := b.engine.RemoveContainer(t.Context(), b.instance(deploy.Blue, "clock").ID); err != nil {
		t.Fatal(err)
	}
	b.wantSingletons(deploy.Blue, deploy.SingletonsPartly)
	b.up(deploy.Blue)
	b.wantSingletons(deploy.Blue, deploy.SingletonsPartly)
	b.startSingletons(deploy.Blue)
	b.wantSingletons(deploy.Blue, deploy.SingletonsRunning)
}

func TestUp_HealsAStackWithoutTouchingItsSingletons(t *testing.T) {
	b := withScheduler(t, "healsingle")
	b.startSingletons(deploy.Blue)
	b.stopSingletons(deploy.Blue)
	before := b.instance(deploy.Blue, "scheduler")
	b.kill(b.instance(deploy.Blue, "api"))
	b.up(deploy.Blue)
	b.wantSingletons(deploy.Blue, deploy.SingletonsStopped)
	if err := b.engine.RemoveContainer(t.Context(), b.instance(deploy.Blue, "api").ID); err != nil {
		t.Fatal(err)
	}
	if s := b.stack(deploy.Blue); s.Condition != deploy.Stopped || len(s.Missing) != 1 {
		t.Errorf("observed %+v, want the api missing", s)
	}
	b.up(deploy.Blue)
	b.wantSingletons(deploy.Blue, deploy.SingletonsStopped)
	if after := b.instance(deploy.Blue, "scheduler"); after.ID != before.ID || !after.StartedAt.Equal(before.StartedAt) {
		t.Errorf("the scheduler was %+v, is %+v: want it untouched", before, after)
	}
}

func TestUp_AnotherReleaseRemovesTheSingletonsToo(t *testing.T) {
	b := withScheduler(t, "oldsingle")
	b.startSingletons(deploy.Blue)
	b.bump()
	b.up(deploy.Blue)
	b.wantSingletons(deploy.Blue, deploy.SingletonsStopped)
	if got := b.stack(deploy.Blue).Containers; len(got) != 1 {
		t.Errorf("containers are %+v, want the api alone", got)
	}
}

func TestUp_PullsTheSingletonsImagesBeforeAnythingIsStopped(t *testing.T) {
	b := newBed(t, "singlepull")
	b.app.Singletons = []string{"scheduler"}
	b.runs("IMAGE:${TAG}", "  scheduler: {image: 'ct-nowhere:1', pull_policy: never}\n")
	wantRejected(t, b.attempt(), deploy.ImageNotFound, "ct-nowhere:1")
}

func TestStartSingletons_OneThatCannotStartRejectsTheRelease(t *testing.T) {
	b := newBed(t, "badsingle")
	b.app.Singletons = []string{"scheduler"}
	b.runs("IMAGE:${TAG}", "  scheduler: {image: 'IMAGE:1', entrypoint: [/no/such/program]}\n")
	b.up(deploy.Blue)
	wantRejected(t, b.client.StartSingletons(t.Context(), b.app, deploy.Blue), deploy.CannotStart, "/no/such/program")
}

func TestStartSingletons_OfAStackThatRunsAnotherReleaseIsRefused(t *testing.T) {
	b := withScheduler(t, "wrongstack")
	b.bump()
	b.resolve()
	for _, color := range deploy.Colors() {
		err := b.client.StartSingletons(t.Context(), b.app, color)
		if err == nil || !strings.Contains(err.Error(), b.app.Release.String()) || errors.As(err, new(*deploy.RejectError)) {
			t.Errorf("%s: got %v, want an error that names release %s and blames none", color, err, b.app.Release)
		}
	}
}

func TestStartAndStopSingletons_NeedNoFilesForWhatExists(t *testing.T) {
	b := withScheduler(t, "nofiles")
	b.startSingletons(deploy.Blue)
	if err := os.Remove(b.app.Root + "/compose.yaml"); err != nil {
		t.Fatal(err)
	}
	b.stopSingletons(deploy.Blue)
	b.wantSingletons(deploy.Blue, deploy.SingletonsStopped)
	b.startSingletons(deploy.Blue)
	b.wantSingletons(deploy.Blue, deploy.SingletonsRunning)
	if got := b.restartOf(deploy.Blue, "clock"); got != "on-failure" {
		t.Errorf("the clock's restart policy is %s, want on-failure", got)
	}
	b.stopSingletons(deploy.Blue)
	if err := b.engine.RemoveContainer(t.Context(), b.instance(deploy.Blue, "clock").ID); err != nil {
		t.Fatal(err)
	}
	if err := b.client.StartSingletons(t.Context(), b.app, deploy.Blue); err == nil || !strings.Contains(err.Error(), "clock") {
		t.Errorf("with the clock's container gone: %v, want it named", err)
	}
}

func TestStartSingletons_OneCanShareTheNetworkOfTheStacksService(t *testing.T) {
	b := newBed(t, "sidecar")
	b.app.Singletons = []string{"scheduler"}
	b.runs("IMAGE:${TAG}", "  scheduler: {image: 'IMAGE:1', command: [wait], network_mode: 'service:api'}\n")
	b.up(deploy.Blue)
	b.startSingletons(deploy.Blue)
	b.wantSingletons(deploy.Blue, deploy.SingletonsRunning)
}

func TestStartSingletons_PullsWhatHasGoneSinceUp(t *testing.T) {
	b := newBed(t, "lostimage")
	r := tb.Registry(t, testbed.RegistryOptions{})
	ref := b.publish(r, testbed.Login{}, "1", "scheduler")
	b.app.Singletons = []string{"scheduler"}
	b.runs("IMAGE:${TAG}", "  scheduler: {image: '"+ref+"', command: [wait]}\n")
	b.up(deploy.Blue)
	if err := b.engine.Remove(t.Context(), ref); err != nil {
		t.Fatal(err)
	}
	b.startSingletons(deploy.Blue)
	b.wantSingletons(deploy.Blue, deploy.SingletonsRunning)
}

// TestStopSingletons_LeavesNoContainerOfWhatMayEnd has a singleton that ends, and one that ends
// well only because it is stopped.
func TestStopSingletons_LeavesNoContainerOfWhatMayEnd(t *testing.T) {
	b := newBed(t, "singleends")
	b.app.Singletons = []string{"mailer", "seed"}
	b.runs(b.image+":1", `
  mailer: {image: 'IMAGE:1', command: [wait], restart: "no"}
  seed: {image: 'IMAGE:1', command: [exit, "0"], restart: "no"}
`)
	b.up(deploy.Blue)
	b.startSingletons(deploy.Blue)
	tb.Until(t, patience, "the seed", func() error {
		if c := b.instance(deploy.Blue, "seed"); c.State != "exited" {
			return errors.New(c.State)
		}
		return nil
	})
	b.wantSingletons(deploy.Blue, deploy.SingletonsRunning)
	seed := b.instance(deploy.Blue, "seed")
	if err := b.engine.Client.ContainerKill(t.Context(), b.instance(deploy.Blue, "mailer").ID, "TERM"); err != nil {
		t.Fatal(err)
	}
	tb.Until(t, patience, "the mailer", func() error {
		if c := b.instance(deploy.Blue, "mailer"); c.State != "exited" {
			return errors.New(c.State)
		}
		return nil
	})
	b.wantSingletons(deploy.Blue, deploy.SingletonsRunning) // both have ended well
	b.startSingletons(deploy.Blue)
	if again := b.instance(deploy.Blue, "seed"); !again.StartedAt.Equal(seed.StartedAt) {
		t.Errorf("the seed was %+v, is %+v: want it to run once", seed, again)
	}
	b.stopSingletons(deploy.Blue)
	b.wantSingletons(deploy.Blue, deploy.SingletonsStopped)
	b.startSingletons(deploy.Blue)
	if c := b.instance(deploy.Blue, "mailer"); c.State != "running" {
		t.Errorf("started again the mailer is %s", c.State)
	}
}
