package compose_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/moby/moby/api/types/container"
	moby "github.com/moby/moby/client"

	"tandem/compose"
	"tandem/reconciler/deploy"
)

// TestUp_NoDatabaseIsPutBesideOneThatRuns has somebody's container write where the app's
// would keep its data, and follows the advice.
func TestUp_NoDatabaseIsPutBesideOneThatRuns(t *testing.T) {
	dir := t.TempDir()
	for name, c := range map[string]struct {
		shared, stack string
		theirs        string // what is mounted in the other container
	}{
		"a directory": {shared: "DIR:/var/lib/mysql", theirs: "DIR:/x"},
		"a volume":    {shared: "vol:/data/db", theirs: "VOLUME:/x"},
		"a volume of which they have the directory":   {shared: "vol:/data/db", theirs: "MOUNTPOINT:/x"},
		"their database, and what an app writes":      {stack: "vol:/x", theirs: "VOLUME:/var/lib/postgresql/data"},
		"a volume that shows a directory of theirs":   {shared: "shown:/var/lib/mysql", theirs: "DIR:/x"},
		"their database, and the app's shared files":  {shared: "DIR:/x", theirs: "DIR:/bitnami/mariadb"},
		"their database in both, by its directory":    {shared: "DIR:/var/lib/mysql", theirs: "DIR:/var/lib/mysql"},
		"what they have without a label, in a volume": {shared: "vol:/var/lib/redis", theirs: "VOLUME:/var/lib/redis"},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBed(t, "beside")
			mine := filepath.Join(dir, b.app.Name)
			if err := os.Mkdir(mine, 0o755); err != nil {
				t.Fatal(err)
			}
			vol, other := b.app.Name+"-vol", b.app.Name+"-other"
			b.volume(vol, nil)
			b.theirs(other, vol)
			info, err := b.engine.Client.VolumeInspect(t.Context(), vol)
			if err != nil {
				t.Fatal(err)
			}
			fill := strings.NewReplacer("DIR", mine, "VOLUME", vol, "MOUNTPOINT", info.Mountpoint)
			b.other(other, fill.Replace(c.theirs))
			declared := fmt.Sprintf("volumes: {vol: {name: %s, external: true}, shown: {driver_opts: {type: none, o: bind, device: %s}}}\n", vol, mine)
			b.client = newClient(t, compose.Options{ConfigDir: b.config, Policy: []string{"external", "host-mounts:" + mine}})
			stack := "    network_mode: bridge\n"
			if c.stack != "" {
				stack += "    volumes: ['" + c.stack + "']\n" + strings.Replace(declared, ", shown", ", x-shown", 1)
			}
			b.runs(b.image+":1", stack)
			if c.shared != "" {
				b.app.Shared = "compose.shared.yaml"
				b.write(b.app.Shared, "services: {db: {image: 'IMAGE:1', command: [wait], volumes: ['"+fill.Replace(c.shared)+"'], network_mode: none}}\n"+declared)
			}
			wantRejected(t, b.attempt(), deploy.CannotStart, "the container "+other, "docker stop "+other+" && docker rm "+other, "tandem retry "+b.app.Name)
			b.nothingIsThere()
			if err := b.engine.RemoveContainer(t.Context(), other); err != nil {
				t.Fatal(err)
			}
			b.up(deploy.Blue)
			b.answers(deploy.Blue, "1 blue")
		})
	}
}

// TestUp_ADatabaseThatRunsIsLeftAloneAndADeadOneWaits has somebody's container join the
// volume of the app's database.
func TestUp_ADatabaseThatRunsIsLeftAloneAndADeadOneWaits(t *testing.T) {
	b := withDatabase(t, "joined")
	b.write(b.app.Shared, mysqlFile)
	b.up(deploy.Blue)
	before := b.shared()
	vol, other := b.app.SharedProject()+"_dbdata", b.app.Name+"-other"
	b.theirs(other, vol)
	b.other(other, vol+":/x")
	b.bump()
	b.up(deploy.Green)
	if after := b.shared(); before["db"] == "" || after["db"] != before["db"] {
		t.Errorf("the database was %v, is %v", before, after)
	}
	shared, err := b.client.Shared(t.Context(), b.app)
	if err != nil || len(shared.Containers) != 1 {
		t.Fatalf("the shared stack is %v (%v)", shared, err)
	}
	b.kill(shared.Containers[0])
	wantRejected(t, b.client.Up(t.Context(), b.app, deploy.Green, nil), deploy.CannotStart, "the container "+other, vol)
	if err := b.engine.RemoveContainer(t.Context(), other); err != nil {
		t.Fatal(err)
	}
	b.up(deploy.Green)
	if shared, err = b.client.Shared(t.Context(), b.app); err != nil || !shared.Containers[0].Up() {
		t.Errorf("the shared stack is %v (%v), want it running", shared, err)
	}
}

// TestUp_ARenamedDatabaseWaitsForTheOneOfTheOldName changes the name of a shared service:
// tandem removes nothing of the shared stack, so the old one runs on.
func TestUp_ARenamedDatabaseWaitsForTheOneOfTheOldName(t *testing.T) {
	b := withDatabase(t, "renamed")
	b.write(b.app.Shared, mysqlFile)
	b.up(deploy.Blue)
	b.write(b.app.Shared, strings.Replace(mysqlFile, "db:", "database:", 1))
	old := b.app.SharedProject() + "-db-1"
	wantRejected(t, b.attempt(), deploy.CannotStart, "docker stop "+old+" && docker rm "+old)
	if err := b.engine.RemoveContainer(t.Context(), old); err != nil {
		t.Fatal(err)
	}
	b.up(deploy.Blue)
	if after := b.shared(); len(after) != 1 || after["database"] == "" {
		t.Errorf("the shared stack is %v, want the database", after)
	}
}

const mysqlFile = "services: {db: {image: 'IMAGE:1', command: [wait], volumes: ['dbdata:/var/lib/mysql'], network_mode: none}}\nvolumes: {dbdata: {}}\n"

// theirs cleans up a container and a volume of others, after what the app has of them.
func (b *bed) theirs(containerName, volumeName string) {
	b.t.Cleanup(func() {
		ctx := context.WithoutCancel(b.t.Context())
		err := errors.Join(b.engine.RemoveContainer(ctx, containerName),
			b.engine.RemoveProject(ctx, b.app.SharedProject()), b.engine.RemoveProject(ctx, b.app.Project(deploy.Blue)))
		if err == nil {
			err = b.engine.Client.VolumeRemove(ctx, volumeName, true)
		}
		if err != nil && !cerrdefs.IsNotFound(err) {
			b.t.Error(err)
		}
	})
}

// other starts a container of nobody's that mounts what is given.
func (b *bed) other(name, mount string) {
	b.t.Helper()
	raw := b.client.SDKEngine()
	made, err := raw.ContainerCreate(b.t.Context(), moby.ContainerCreateOptions{
		Name: name, Config: &container.Config{Image: b.image + ":1", Cmd: []string{"wait"}},
		HostConfig: &container.HostConfig{Binds: []string{mount}, NetworkMode: "none"},
	})
	if err == nil {
		_, err = raw.ContainerStart(b.t.Context(), made.ID, moby.ContainerStartOptions{})
	}
	if err != nil {
		b.t.Fatal(err)
	}
}
