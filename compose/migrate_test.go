package compose_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/filters"
	"github.com/google/go-cmp/cmp"

	"tandem/compose"
	"tandem/compose/project"
	"tandem/internal/harness/testbed/tb"
	"tandem/reconciler/deploy"
)

// migrating is an app with an expand and a contract migration, which write what
// they do into a directory of this host, and end when the file "go" is in it.
type migrating struct {
	*bed
	out string
}

func withMigrations(t *testing.T, name string) *migrating {
	t.Helper()
	m := &migrating{out: t.TempDir()}
	m.bed = newBed(t, name, func(o *compose.Options) { o.Policy = []string{"host-mounts:" + m.out} })
	m.app.Migrations = deploy.Migrations{Expand: "grow", Contract: "shrink"}
	m.app.Env = map[string]string{"KEY": "open sesame"}
	m.migrations("[once, /out/log, /out/go]")
	m.resolve()
	return m
}

// migrations writes a Compose file whose expand migration has the command.
func (m *migrating) migrations(command string) {
	m.t.Helper()
	m.runs("IMAGE:${TAG}", fmt.Sprintf(`  grow:
    image: IMAGE:${TAG}
    command: %[1]s
    environment: {MODE: "${COLOR}"}
    volumes: ["%[2]s:/out"]
    secrets: [key]
    profiles: [migrate]
    restart: always
    depends_on: [api]
  shrink: {image: 'IMAGE:1', command: [once, /out/contracted], volumes: ["%[2]s:/out"], profiles: [migrate]}
secrets: {key: {environment: KEY}}
`, command, m.out))
}

// proceed lets the migrations end.
func (m *migrating) proceed() {
	m.t.Helper()
	if err := os.WriteFile(filepath.Join(m.out, "go"), nil, 0o644); err != nil {
		m.t.Fatal(err)
	}
}

func (m *migrating) expand(ctx context.Context) error {
	return m.client.Migrate(ctx, m.app, deploy.Blue, deploy.ExpandMigration)
}

// wrote is what the migrations wrote into a file.
func (m *migrating) wrote(name string) string {
	m.t.Helper()
	data, err := os.ReadFile(filepath.Join(m.out, name))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		m.t.Fatal(err)
	}
	return string(data)
}

func (m *migrating) wantLog(want string) {
	m.t.Helper()
	if diff := cmp.Diff(want, m.wrote("log")); diff != "" {
		m.t.Errorf("the migration's own record (-want +got):\n%s", diff)
	}
}

// began waits until the migration has written its first line.
func (m *migrating) began() {
	m.t.Helper()
	tb.Until(m.t, time.Minute, "the migration", func() error {
		if m.wrote("log") == "" {
			return errors.New("it has not begun")
		}
		return nil
	})
}

// containersOf lists the migrations' containers.
func (m *migrating) containersOf() []container.Summary {
	m.t.Helper()
	list, err := m.engine.Client.ContainerList(m.t.Context(), container.ListOptions{All: true, Filters: filters.NewArgs(
		filters.Arg("label", project.LabelApp+"="+m.app.Name), filters.Arg("label", project.LabelMigration),
	)})
	if err != nil {
		m.t.Fatal(err)
	}
	return list
}

const once = "begin blue open sesame\nend\n"

func TestMigrate_RunsOnceForARelease(t *testing.T) {
	m := withMigrations(t, "once")
	m.proceed()
	for range 2 {
		if err := m.expand(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	m.wantLog(once)
	m.up(deploy.Blue)
	s := m.stack(deploy.Blue)
	if len(s.Containers) != 1 || s.Condition != deploy.Running || s.Release != m.app.Release {
		t.Errorf("observed %+v, want the api alone", s)
	}
	if err := m.expand(t.Context()); err != nil {
		t.Fatal(err)
	}
	m.wantLog(once)
	if err := m.client.Forget(t.Context(), m.app, deploy.ExpandMigration); err != nil {
		t.Fatal(err)
	}
	if err := m.expand(t.Context()); err != nil {
		t.Fatal(err)
	}
	m.wantLog(once + once)
}

func TestMigrate_TwoCallersRunItOnce(t *testing.T) {
	m := withMigrations(t, "callers")
	done := make(chan error, 2)
	for range 2 {
		go func() { done <- m.expand(t.Context()) }()
	}
	m.began()
	m.proceed()
	for range 2 {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	m.wantLog(once)
}

func TestMigrate_GoesOnWithoutACallerAndIsTakenOver(t *testing.T) {
	m := withMigrations(t, "takeover")
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- m.expand(ctx) }()
	m.began()
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want the context's error", err)
	}
	// It may write before Docker says that it runs.
	tb.Until(t, patience, "one that runs", func() error {
		if list := m.containersOf(); len(list) != 1 || list[0].State != "running" {
			return fmt.Errorf("containers are %+v", list)
		}
		return nil
	})
	if err := m.client.Forget(t.Context(), m.app, deploy.ExpandMigration); err != nil {
		t.Fatal(err)
	}
	// A new process knows nothing, and need not have the files.
	m.client = newClient(t, compose.Options{ConfigDir: m.config})
	if err := os.Remove(filepath.Join(m.app.Root, "compose.yaml")); err != nil {
		t.Fatal(err)
	}
	go func() { done <- m.expand(t.Context()) }()
	m.proceed()
	if err := <-done; err != nil {
		t.Error(err)
	}
	m.wantLog(once)
}

func TestMigrate_AFailureRejectsTheReleaseUntilItIsForgotten(t *testing.T) {
	m := withMigrations(t, "fails")
	m.migrations(`[exit, "7"]`)
	m.resolve()
	var first string
	for i := range 3 {
		err := m.expand(t.Context())
		wantRejected(t, err, deploy.MigrationFailed, "grow", "7", "expand")
		wantLogs(t, err, "leaving with 7")
		id := m.containersOf()[0].ID
		if i == 0 {
			first = id
		}
		if again := i == 2; (id != first) != again {
			t.Errorf("call %d: container %s, the first was %s", i, id, first)
		}
		if i == 1 {
			if err := m.client.Forget(t.Context(), m.app, deploy.ExpandMigration); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func TestMigrate_OneThatWasNeverStartedIsStarted(t *testing.T) {
	m := withMigrations(t, "created")
	m.proceed()
	created, err := m.engine.Client.ContainerCreate(t.Context(), &container.Config{
		Image: m.image + ":1", Cmd: []string{"exit", "3"}, Labels: map[string]string{
			project.LabelApp: m.app.Name, project.LabelMigration: "expand", project.LabelRelease: m.app.Release.Text(),
		},
	}, nil, nil, nil, fmt.Sprintf("%s-expand-%.12s", m.app.Name, m.app.Release.Hash))
	if err != nil {
		t.Fatal(err)
	}
	tb.Container(t, m.engine, created.ID)
	if err := m.expand(t.Context()); err != nil {
		t.Fatal(err)
	}
	m.wantLog(once)
}

func TestMigrate_WaitsForAnyOtherMigrationOfTheApp(t *testing.T) {
	m := withMigrations(t, "others")
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- m.expand(ctx) }()
	m.began()
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Fatalf("the migration that was let go of: %v", err)
	}
	old := m.containersOf()[0].ID
	m.bump()
	m.resolve()
	go func() {
		done <- m.client.Migrate(t.Context(), m.app, deploy.Green, deploy.ContractMigration)
	}()
	m.proceed()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	m.wantLog(once)
	for _, c := range m.containersOf() {
		info, err := m.engine.Client.ContainerInspect(t.Context(), c.ID)
		if err != nil {
			t.Fatal(err)
		}
		if c.ID != old {
			m.startedAfter(info, old)
		}
	}
	if got := m.wrote("contracted"); got != "begin \nend\n" {
		t.Errorf("the contract migration wrote %q", got)
	}
}

// startedAfter checks that a container was started when another had ended.
func (m *migrating) startedAfter(later container.InspectResponse, earlier string) {
	m.t.Helper()
	info, err := m.engine.Client.ContainerInspect(m.t.Context(), earlier)
	if err != nil {
		m.t.Fatal(err)
	}
	if later.State.StartedAt < info.State.FinishedAt {
		m.t.Errorf("%s started at %s, before %s ended at %s", later.Name, later.State.StartedAt, info.Name, info.State.FinishedAt)
	}
}

func TestMigrate_OnAFirstDeployFindsTheSharedStackReady(t *testing.T) {
	b := newBed(t, "firstmig")
	b.app.Shared = "compose.shared.yaml"
	b.app.Migrations.Expand = "grow"
	b.write("compose.shared.yaml", `
services:
  db:
    image: IMAGE:1
    command: [serve]
    healthcheck: {test: [CMD, /probe, dial, "127.0.0.1:3000"], interval: 1h, start_period: 1h}
`)
	b.runs("IMAGE:${TAG}", `  grow:
    image: IMAGE:1
    command: [dial, "db:3000"]
    networks: [default, data]
    profiles: [migrate]
networks: {data: {name: `+b.app.SharedProject()+`_default, external: true}}
`)
	b.resolve()
	if err := b.client.Migrate(t.Context(), b.app, deploy.Green, deploy.ExpandMigration); err != nil {
		t.Fatal(err)
	}
	b.up(deploy.Green)
	b.answers(deploy.Green, "1 green")
}

func TestMigrate_IsNotBlamedForASharedServiceThatIsUnhealthy(t *testing.T) {
	b := newBed(t, "sickdb")
	b.app.Shared = "compose.shared.yaml"
	b.app.Migrations.Expand = "grow"
	b.write("compose.shared.yaml", "services: {db: {image: 'IMAGE:1', command: [wait], healthcheck: {test: [CMD, /probe, exit, '1'], interval: 100ms, retries: 1}}}\n")
	b.runs("IMAGE:${TAG}", "  grow: {image: 'IMAGE:1', command: [wait], profiles: [migrate]}\n")
	b.resolve()
	err := b.client.Migrate(t.Context(), b.app, deploy.Green, deploy.ExpandMigration)
	wantTemporary(t, err, deploy.Failed, "db", "unhealthy")
}

func TestMigrate_AnImageThatDoesNotExistRejectsTheRelease(t *testing.T) {
	b := newBed(t, "noimage")
	b.app.Migrations.Expand = "grow"
	b.runs("IMAGE:${TAG}", "  grow: {image: 'ct-nowhere:1', pull_policy: never}\n")
	b.resolve()
	err := b.client.Migrate(t.Context(), b.app, deploy.Blue, deploy.ExpandMigration)
	wantRejected(t, err, deploy.ImageNotFound, "ct-nowhere:1")
	b.runs("IMAGE:${TAG}", "  grow: {image: 'IMAGE:1', entrypoint: [/no/such/program]}\n")
	b.resolve()
	for range 2 {
		err = b.client.Migrate(t.Context(), b.app, deploy.Blue, deploy.ExpandMigration)
		wantRejected(t, err, deploy.CannotStart, "/no/such/program")
	}
	if err := b.client.Forget(t.Context(), b.app, deploy.ContractMigration); err != nil {
		t.Errorf("forget what never ran: %v", err)
	}
}
