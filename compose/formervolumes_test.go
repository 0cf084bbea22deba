package compose_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/api/types/volume"
	"github.com/moby/moby/api/types/container"
	moby "github.com/moby/moby/client"

	"tandem/compose"
	"tandem/reconciler/deploy"
)

const databaseFile = "services: {db: {image: 'IMAGE:1', command: [cat, /data/orders], volumes: ['dbdata:/data'], network_mode: none}}\nvolumes:\n  dbdata: {}\n"

// withDatabase is an app whose database is a shared service that prints its data.
func withDatabase(t *testing.T, name string) *bed {
	t.Helper()
	b := newBed(t, name)
	b.app.Shared = "compose.shared.yaml"
	b.write(b.app.Shared, databaseFile)
	b.runs(b.image+":1", "    network_mode: bridge\n")
	return b
}

// ran is the Compose project that ran the app until now: its volume with an order in it,
// and its database, which runs.
func (b *bed) ran(projectName string) (volumeName, containerName string) {
	b.t.Helper()
	ctx, raw := b.t.Context(), b.client.SDKEngine()
	volumeName, containerName = projectName+"_dbdata", projectName+"-db-1"
	labels := map[string]string{"com.docker.compose.project": projectName}
	b.t.Cleanup(func() {
		ctx := context.WithoutCancel(ctx)
		if err := errors.Join(b.engine.RemoveProject(ctx, b.app.SharedProject()), b.engine.RemoveProject(ctx, projectName)); err != nil {
			b.t.Error(err)
		}
	})
	if _, err := raw.VolumeCreate(ctx, moby.VolumeCreateOptions{Name: volumeName, Labels: labels}); err != nil {
		b.t.Fatal(err)
	}
	made := map[string][]string{containerName: {"wait"}, projectName + "-order-1": {"once", "/data/orders"}}
	for name, command := range made {
		labels := map[string]string{
			"com.docker.compose.project": projectName, "com.docker.compose.service": strings.Split(name, "-")[strings.Count(name, "-")-1],
			"com.docker.compose.oneoff": "False", "com.docker.compose.container-number": "1", "com.docker.compose.config-hash": "of-another-version",
		}
		c, err := raw.ContainerCreate(ctx, moby.ContainerCreateOptions{
			Name:       name,
			Config:     &container.Config{Image: b.image + ":1", Cmd: command, Env: []string{"MODE=4711"}, Labels: labels},
			HostConfig: &container.HostConfig{Binds: []string{volumeName + ":/data"}, NetworkMode: "none"},
		})
		if err == nil {
			_, err = raw.ContainerStart(ctx, c.ID, moby.ContainerStartOptions{})
		}
		if err != nil {
			b.t.Fatal(err)
		}
	}
	waited := raw.ContainerWait(ctx, projectName+"-order-1", moby.ContainerWaitOptions{Condition: container.WaitConditionNotRunning})
	select {
	case <-waited.Result:
	case err := <-waited.Error:
		b.t.Fatal(err)
	}
	return volumeName, containerName
}

// nothingIsThere makes sure that no container and no volume of the app was made.
func (b *bed) nothingIsThere() {
	b.t.Helper()
	for _, projectName := range []string{b.app.SharedProject(), b.app.Project(deploy.Blue), b.app.Project(deploy.Green)} {
		of := filters.NewArgs(filters.Arg("label", "com.docker.compose.project="+projectName))
		volumes, err := b.engine.Client.VolumeList(b.t.Context(), volume.ListOptions{Filters: of})
		if err != nil || len(volumes.Volumes) > 0 {
			b.t.Errorf("%s has the volumes %v (%v), want none", projectName, volumes.Volumes, err)
		}
	}
	if stack := b.stack(deploy.Blue); stack.Condition != deploy.Absent || len(b.shared()) > 0 {
		b.t.Errorf("the stack is %v and the shared one %v, want nothing", stack, b.shared())
	}
}

// refusal resolves the app, which must be refused with one fault.
func (b *bed) refusal() deploy.Fault {
	b.t.Helper()
	_, err := b.client.Resolve(b.t.Context(), b.app)
	faults, refused := deploy.AsFaults(err)
	if !refused || len(faults) != 1 {
		b.t.Fatalf("got %v, want one fault", err)
	}
	return faults[0]
}

// TestResolve_AMovedDatabaseIsNotStartedEmpty plays the move of an app from Compose to
// tandem, and follows what the messages say to the letter: the database is the one that
// runs, and what else the old project has is left alone.
func TestResolve_AMovedDatabaseIsNotStartedEmpty(t *testing.T) {
	b := withDatabase(t, "former")
	old, running := b.ran(b.app.Name)
	before, err := b.engine.Client.ContainerInspect(t.Context(), running)
	if err != nil {
		t.Fatal(err)
	}
	got := b.refusal()
	if word := `policy.allow list "adopt:` + b.app.Name + `"`; got.File != b.app.File || got.Path != "adopt" || !strings.Contains(got.Text, old) || !strings.Contains(got.Text, "write adopt: "+b.app.Name+",") || !strings.Contains(got.Text, word) {
		t.Fatalf("refused with %s, want it to name the volume, and to say what to write", got)
	}
	b.nothingIsThere()

	b.app.Adopt = b.app.Name
	if got := b.refusal(); !strings.Contains(got.Text, `policy.allow list "adopt:`+b.app.Name+`"`) {
		t.Fatalf("a push alone is refused with %s, want the host to be asked", got)
	}
	b.client = newClient(t, compose.Options{ConfigDir: b.config, Policy: []string{"external:bridge", "adopt:" + b.app.Name}})
	for range 2 {
		b.up(deploy.Blue)
	}
	b.answers(deploy.Blue, "1 blue")
	after, err := b.engine.Client.ContainerInspect(t.Context(), running)
	if err != nil || after.ID != before.ID || after.State.StartedAt != before.State.StartedAt || !after.State.Running {
		t.Errorf("the database is %+v (%v), want the one that ran, untouched", after.ContainerJSONBase, err)
	}
	if order, err := b.engine.Client.ContainerInspect(t.Context(), b.app.Name+"-order-1"); err != nil || order.State.Running {
		t.Errorf("what is not shared was touched: %+v (%v)", order.ContainerJSONBase, err)
	}
}

// TestUp_AnAdoptedServiceThatTheFileHasOtherwiseIsMadeAnewWithItsData has another value of a
// variable in the file.
func TestUp_AnAdoptedServiceThatTheFileHasOtherwiseIsMadeAnewWithItsData(t *testing.T) {
	b := withDatabase(t, "adopted")
	_, running := b.ran(b.app.Name)
	b.app.Adopt = b.app.Name
	b.client = newClient(t, compose.Options{ConfigDir: b.config, Policy: []string{"external:bridge", "adopt:" + b.app.Name}})
	before, err := b.engine.Client.ContainerInspect(t.Context(), running)
	if err != nil {
		t.Fatal(err)
	}
	b.write(b.app.Shared, strings.Replace(databaseFile, "network_mode: none", "network_mode: none, environment: {MODE: '4712'}", 1))
	b.up(deploy.Blue)
	shared, err := b.client.Shared(t.Context(), b.app)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range shared.Containers {
		if c.Service == "db" && c.ID == before.ID {
			t.Error("the database has the old value")
		}
		if c.Service == "db" {
			b.logged(c, "begin 4711\nend")
		}
	}
}

// TestResolve_WhoWantsAnEmptyDatabaseSaysSo gives the volume a name of its own, as the
// message says.
func TestResolve_WhoWantsAnEmptyDatabaseSaysSo(t *testing.T) {
	b := withDatabase(t, "empty")
	b.ran(b.app.Name)
	line := "dbdata: {name: " + b.app.Name + "-dbdata}"
	if got := b.refusal(); !strings.Contains(got.Text, line) {
		t.Fatalf("refused with %s, want %q", got, line)
	}
	b.write(b.app.Shared, strings.NewReplacer("dbdata: {}", line, "[cat, /data/orders]", "[wait]").Replace(databaseFile))
	b.up(deploy.Blue)
	b.answers(deploy.Blue, "1 blue")
}

// TestResolve_KnowsTheProjectThatRanTheApp has the old volume under each of the names
// that Compose may have given the project, and under some that it has not.
func TestResolve_KnowsTheProjectThatRanTheApp(t *testing.T) {
	b := withDatabase(t, "ranby")
	name := func(role string) string { return b.app.Name + "-" + role }
	b.app.Dir = "apps/" + strings.ToUpper(name("dir"))
	b.app.Env = map[string]string{"PROJECT": name("inner")}
	b.write(".env", "COMPOSE_PROJECT_NAME="+name("env")+"\n")
	b.write(b.app.Shared, "name: \"${PROJECT}\"\n"+databaseFile)
	for _, projectName := range []string{b.app.Name, name("dir"), name("env"), name("inner")} {
		for _, labels := range []map[string]string{{"com.docker.compose.project": projectName}, nil} { // nobody's: restored by hand
			old := projectName + "_dbdata"
			b.volume(old, labels)
			if got := b.refusal(); !strings.Contains(got.Text, old) {
				t.Errorf("with %s refused with %s", old, got)
			}
			b.removeVolume(old)
		}
	}
	b.volume(b.app.Name+"_dbdata", map[string]string{"com.docker.compose.project": "another"})
	b.volume(name("other")+"_dbdata", nil)
	b.resolve()
	b.removeVolume(b.app.Name + "_dbdata")
	b.removeVolume(name("other") + "_dbdata")
}

// TestResolve_AVolumeThatTheAppHasIsItsOwn lets an old volume lie where the app's own
// exists already.
func TestResolve_AVolumeThatTheAppHasIsItsOwn(t *testing.T) {
	b := withDatabase(t, "hasown")
	b.write(b.app.Shared, strings.Replace(databaseFile, "[cat, /data/orders]", "[wait]", 1))
	b.up(deploy.Blue)
	b.volume(b.app.Name+"_dbdata", map[string]string{"com.docker.compose.project": b.app.Name})
	b.resolve()
	b.removeVolume(b.app.Name + "_dbdata")
}

func (b *bed) volume(name string, labels map[string]string) {
	b.t.Helper()
	b.t.Cleanup(func() {
		if err := b.engine.Client.VolumeRemove(context.WithoutCancel(b.t.Context()), name, true); err != nil && !cerrdefs.IsNotFound(err) {
			b.t.Error(err)
		}
	})
	if _, err := b.engine.Client.VolumeCreate(b.t.Context(), volume.CreateOptions{Name: name, Labels: labels}); err != nil {
		b.t.Fatal(err)
	}
}

func (b *bed) removeVolume(name string) {
	b.t.Helper()
	if err := b.engine.Client.VolumeRemove(b.t.Context(), name, true); err != nil {
		b.t.Error(err)
	}
}
