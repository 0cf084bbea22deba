package compose_test

import (
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"tandem/internal/testbed"
	"tandem/internal/testbed/tb"
	"tandem/reconciler"
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
	b.up(reconciler.Blue)
	return b
}

func (b *bed) engage(color reconciler.Color) {
	b.t.Helper()
	if err := b.client.Engage(b.t.Context(), b.app, color); err != nil {
		b.t.Fatal(err)
	}
}

func (b *bed) relieve(color reconciler.Color) {
	b.t.Helper()
	if err := b.client.Relieve(b.t.Context(), b.app, color); err != nil {
		b.t.Fatal(err)
	}
}

// wantDuty checks the duty of a color, and that it decides nothing else.
func (b *bed) wantDuty(color reconciler.Color, want reconciler.Duty) {
	b.t.Helper()
	s := b.stack(color)
	if s.Duty != want || s.Condition != reconciler.Running || len(s.Missing) > 0 || s.Release != b.app.Release {
		b.t.Fatalf("observed %+v, want it running, complete and %s", s, want)
	}
}

// restartOf is the restart policy that the engine has for a service's container.
func (b *bed) restartOf(color reconciler.Color, service string) string {
	b.t.Helper()
	info, err := b.engine.Client.ContainerInspect(b.t.Context(), b.instance(color, service).ID)
	if err != nil {
		b.t.Fatal(err)
	}
	return string(info.HostConfig.RestartPolicy.Name)
}

func TestUp_StartsNoSingleton(t *testing.T) {
	b := withScheduler(t, "single")
	b.wantDuty(reconciler.Blue, reconciler.OffDuty)
	if got := b.stack(reconciler.Blue).Containers; len(got) != 1 || got[0].Service != "api" || got[0].Singleton {
		t.Errorf("containers are %+v, want the api alone", got)
	}
	b.app.Singletons = nil
	b.resolve()
	b.up(reconciler.Blue)
	b.wantDuty(reconciler.Blue, reconciler.NoDuty)
}

func TestEngageAndRelieve_HandTheSingletonsOverAndBack(t *testing.T) {
	b := withScheduler(t, "handover")
	api := instances(b.stack(reconciler.Blue))["api"]
	b.engage(reconciler.Blue)
	b.wantDuty(reconciler.Blue, reconciler.OnDuty)
	b.up(reconciler.Green)
	b.wantDuty(reconciler.Green, reconciler.OffDuty)
	scheduler := b.instance(reconciler.Blue, "scheduler")
	for range 2 { // neither minds being called again
		b.relieve(reconciler.Blue)
		b.wantDuty(reconciler.Blue, reconciler.OffDuty)
	}
	for range 2 {
		b.engage(reconciler.Green)
		b.wantDuty(reconciler.Green, reconciler.OnDuty)
	}
	b.relieve(reconciler.Green)
	b.engage(reconciler.Blue)
	b.wantDuty(reconciler.Blue, reconciler.OnDuty)
	again := b.instance(reconciler.Blue, "scheduler")
	if again.ID != scheduler.ID || !again.StartedAt.After(scheduler.StartedAt) || !again.Singleton {
		t.Errorf("the scheduler was %+v, is %+v: want it started again", scheduler, again)
	}
	if now := instances(b.stack(reconciler.Blue))["api"]; now != api {
		t.Errorf("the api was %s, is %s: want it untouched", api, now)
	}
}

func TestRelieve_LeavesNothingThatDockerWouldStartAgain(t *testing.T) {
	b := withScheduler(t, "norestart")
	b.engage(reconciler.Blue)
	policies := func() []string {
		return []string{b.restartOf(reconciler.Blue, "scheduler"), b.restartOf(reconciler.Blue, "clock")}
	}
	onDuty, offDuty := []string{"unless-stopped", "on-failure"}, []string{"unless-stopped", "no"}
	if diff := cmp.Diff(onDuty, policies()); diff != "" {
		t.Errorf("restart policies on duty (-want +got):\n%s", diff)
	}
	b.relieve(reconciler.Blue)
	if diff := cmp.Diff(offDuty, policies()); diff != "" {
		t.Errorf("restart policies off duty (-want +got):\n%s", diff)
	}
	b.engage(reconciler.Blue)
	if diff := cmp.Diff(onDuty, policies()); diff != "" {
		t.Errorf("restart policies on duty again (-want +got):\n%s", diff)
	}
	if err := b.client.Stop(t.Context(), b.app, reconciler.Blue); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(offDuty, policies()); diff != "" {
		t.Errorf("restart policies in a stopped stack (-want +got):\n%s", diff)
	}
}

func TestRelieve_StopsOneThatKeepsRestartingAndOneThatIsPaused(t *testing.T) {
	b := newBed(t, "crashing")
	b.app.Singletons = []string{"crasher", "sleeper"}
	b.runs("IMAGE:${TAG}", `  crasher: {image: 'IMAGE:1', command: [exit, "3"], restart: on-failure}
  sleeper: {image: 'IMAGE:1', command: [wait], stop_grace_period: 0s}
`)
	b.up(reconciler.Blue)
	b.engage(reconciler.Blue)
	if err := b.engine.Client.ContainerPause(t.Context(), b.instance(reconciler.Blue, "sleeper").ID); err != nil {
		t.Fatal(err)
	}
	tb.Until(t, patience, "a restart", func() error {
		if c := b.instance(reconciler.Blue, "crasher"); c.State != "restarting" {
			return errors.New("it is " + c.State)
		}
		return nil
	})
	b.wantDuty(reconciler.Blue, reconciler.Partly)
	b.relieve(reconciler.Blue)
	b.wantDuty(reconciler.Blue, reconciler.OffDuty)
	if got := b.restartOf(reconciler.Blue, "crasher"); got != "no" {
		t.Errorf("its restart policy is %s, want no", got)
	}
}

func TestDuty_IsPartlyWhileOneSingletonIsDeadOrMissing(t *testing.T) {
	b := withScheduler(t, "partly")
	b.engage(reconciler.Blue)
	b.kill(b.instance(reconciler.Blue, "clock"))
	if err := b.engine.RemoveContainer(t.Context(), b.instance(reconciler.Blue, "clock").ID); err != nil {
		t.Fatal(err)
	}
	b.wantDuty(reconciler.Blue, reconciler.Partly)
	b.up(reconciler.Blue)
	b.wantDuty(reconciler.Blue, reconciler.Partly)
	b.engage(reconciler.Blue)
	b.wantDuty(reconciler.Blue, reconciler.OnDuty)
}

func TestUp_HealsAStackWithoutTouchingItsSingletons(t *testing.T) {
	b := withScheduler(t, "healsingle")
	b.engage(reconciler.Blue)
	b.relieve(reconciler.Blue)
	before := b.instance(reconciler.Blue, "scheduler")
	b.kill(b.instance(reconciler.Blue, "api"))
	b.up(reconciler.Blue)
	b.wantDuty(reconciler.Blue, reconciler.OffDuty)
	if err := b.engine.RemoveContainer(t.Context(), b.instance(reconciler.Blue, "api").ID); err != nil {
		t.Fatal(err)
	}
	if s := b.stack(reconciler.Blue); s.Condition != reconciler.Stopped || len(s.Missing) != 1 {
		t.Errorf("observed %+v, want the api missing", s)
	}
	b.up(reconciler.Blue)
	b.wantDuty(reconciler.Blue, reconciler.OffDuty)
	if after := b.instance(reconciler.Blue, "scheduler"); after.ID != before.ID || !after.StartedAt.Equal(before.StartedAt) {
		t.Errorf("the scheduler was %+v, is %+v: want it untouched", before, after)
	}
}

func TestUp_AnotherReleaseRemovesTheSingletonsToo(t *testing.T) {
	b := withScheduler(t, "oldsingle")
	b.engage(reconciler.Blue)
	b.bump()
	b.up(reconciler.Blue)
	b.wantDuty(reconciler.Blue, reconciler.OffDuty)
	if got := b.stack(reconciler.Blue).Containers; len(got) != 1 {
		t.Errorf("containers are %+v, want the api alone", got)
	}
}

func TestUp_PullsTheSingletonsImagesBeforeAnythingIsStopped(t *testing.T) {
	b := newBed(t, "singlepull")
	b.app.Singletons = []string{"scheduler"}
	b.runs("IMAGE:${TAG}", "  scheduler: {image: 'ct-nowhere:1', pull_policy: never}\n")
	wantRejected(t, b.attempt(), reconciler.ImageNotFound, "ct-nowhere:1")
}

func TestEngage_ASingletonThatCannotStartRejectsTheRelease(t *testing.T) {
	b := newBed(t, "badsingle")
	b.app.Singletons = []string{"scheduler"}
	b.runs("IMAGE:${TAG}", "  scheduler: {image: 'IMAGE:1', entrypoint: [/no/such/program]}\n")
	b.up(reconciler.Blue)
	wantRejected(t, b.client.Engage(t.Context(), b.app, reconciler.Blue), reconciler.CannotStart, "/no/such/program")
}

func TestEngage_OfAStackThatRunsAnotherReleaseIsRefused(t *testing.T) {
	b := withScheduler(t, "wrongstack")
	b.bump()
	b.resolve()
	for _, color := range reconciler.Colors() {
		err := b.client.Engage(t.Context(), b.app, color)
		if err == nil || !strings.Contains(err.Error(), b.app.Release.String()) || errors.As(err, new(*reconciler.RejectError)) {
			t.Errorf("%s: got %v, want an error that names release %s and blames none", color, err, b.app.Release)
		}
	}
}

func TestEngageAndRelieve_NeedNoFilesForWhatExists(t *testing.T) {
	b := withScheduler(t, "nofiles")
	b.engage(reconciler.Blue)
	if err := os.Remove(b.app.Root + "/compose.yaml"); err != nil {
		t.Fatal(err)
	}
	b.relieve(reconciler.Blue)
	b.wantDuty(reconciler.Blue, reconciler.OffDuty)
	b.engage(reconciler.Blue)
	b.wantDuty(reconciler.Blue, reconciler.OnDuty)
	if got := b.restartOf(reconciler.Blue, "clock"); got != "on-failure" {
		t.Errorf("the clock's restart policy is %s, want on-failure", got)
	}
	b.relieve(reconciler.Blue)
	if err := b.engine.RemoveContainer(t.Context(), b.instance(reconciler.Blue, "clock").ID); err != nil {
		t.Fatal(err)
	}
	if err := b.client.Engage(t.Context(), b.app, reconciler.Blue); err == nil || !strings.Contains(err.Error(), "clock") {
		t.Errorf("with the clock's container gone: %v, want it named", err)
	}
}

func TestEngage_ASingletonCanShareTheNetworkOfTheStacksService(t *testing.T) {
	b := newBed(t, "sidecar")
	b.app.Singletons = []string{"scheduler"}
	b.runs("IMAGE:${TAG}", "  scheduler: {image: 'IMAGE:1', command: [wait], network_mode: 'service:api'}\n")
	b.up(reconciler.Blue)
	b.engage(reconciler.Blue)
	b.wantDuty(reconciler.Blue, reconciler.OnDuty)
}

func TestEngage_PullsWhatHasGoneSinceUp(t *testing.T) {
	b := newBed(t, "lostimage")
	r := tb.Registry(t, testbed.RegistryOptions{})
	ref := b.publish(r, testbed.Login{}, "1", "scheduler")
	b.app.Singletons = []string{"scheduler"}
	b.runs("IMAGE:${TAG}", "  scheduler: {image: '"+ref+"', command: [wait]}\n")
	b.up(reconciler.Blue)
	if err := b.engine.Remove(t.Context(), ref); err != nil {
		t.Fatal(err)
	}
	b.engage(reconciler.Blue)
	b.wantDuty(reconciler.Blue, reconciler.OnDuty)
}

// TestRelieve_LeavesNoContainerOfWhatMayEnd has a singleton that ends, and one that ends
// well only because it is stopped.
func TestRelieve_LeavesNoContainerOfWhatMayEnd(t *testing.T) {
	b := newBed(t, "singleends")
	b.app.Singletons = []string{"mailer", "seed"}
	b.runs(b.image+":1", `
  mailer: {image: 'IMAGE:1', command: [wait], restart: "no"}
  seed: {image: 'IMAGE:1', command: [exit, "0"], restart: "no"}
`)
	b.up(reconciler.Blue)
	b.engage(reconciler.Blue)
	tb.Until(t, patience, "the seed", func() error {
		if c := b.instance(reconciler.Blue, "seed"); c.State != "exited" {
			return errors.New(c.State)
		}
		return nil
	})
	b.wantDuty(reconciler.Blue, reconciler.OnDuty)
	seed := b.instance(reconciler.Blue, "seed")
	if err := b.engine.Client.ContainerKill(t.Context(), b.instance(reconciler.Blue, "mailer").ID, "TERM"); err != nil {
		t.Fatal(err)
	}
	tb.Until(t, patience, "the mailer", func() error {
		if c := b.instance(reconciler.Blue, "mailer"); c.State != "exited" {
			return errors.New(c.State)
		}
		return nil
	})
	b.wantDuty(reconciler.Blue, reconciler.OnDuty) // both have ended well
	b.engage(reconciler.Blue)
	if again := b.instance(reconciler.Blue, "seed"); !again.StartedAt.Equal(seed.StartedAt) {
		t.Errorf("the seed was %+v, is %+v: want it to run once", seed, again)
	}
	b.relieve(reconciler.Blue)
	b.wantDuty(reconciler.Blue, reconciler.OffDuty)
	b.engage(reconciler.Blue)
	if c := b.instance(reconciler.Blue, "mailer"); c.State != "running" {
		t.Errorf("on duty again the mailer is %s", c.State)
	}
}
