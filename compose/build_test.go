package compose_test

import (
	"archive/tar"
	"context"
	"errors"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/api/types/image"

	"tandem/compose"
	"tandem/internal/harness/testbed"
	"tandem/internal/harness/testbed/tb"
	"tandem/reconciler/deploy"
)

const (
	buildFile = `services:
  api:
    build: {context: ., args: {VERSION: one}}
    environment: {COLOR: "${COLOR}"}
    ports: ["${API_PORT}:3000"]
`
	probeDockerfile = `FROM scratch
ARG VERSION
ENV VERSION=$VERSION
COPY probe /probe
COPY . /app/
ENTRYPOINT ["/probe"]
CMD ["serve"]
`
	// sumOfPlanted is the SHA-256 of tb.Planted.
	sumOfPlanted = "b4312988cf5c45f88d755c5a51d2daa5f7e703de6fb6061014124d30cffc769c"

	// kit makes a Dockerfile one that only BuildKit reads.
	kit = "RUN --mount=type=tmpfs,target=/nothing [\"/probe\", \"stat\", \"/nothing\"]\n"
)

// building is an app that is built from its directory, in which the probe is.
func building(t *testing.T, name, dockerfile string, options ...func(*compose.Options)) *bed {
	t.Helper()
	b := newBed(t, name, options...)
	b.app.Build = true
	b.write("compose.yaml", buildFile)
	b.write("Dockerfile", dockerfile)
	b.write("tandem.yaml", "tag: 1")
	b.write("unique", b.app.Name) // so that nothing of another run is in the engine's cache
	b.addProbe(".")
	t.Cleanup(func() { b.removeBuilt() })
	return b
}

// addProbe puts the probe into a directory of the app.
func (b *bed) addProbe(dir string) {
	b.t.Helper()
	data, err := os.ReadFile(tb.GoBinary(b.t, "testdata/probe"))
	if err != nil {
		b.t.Fatal(err)
	}
	dir = filepath.Join(b.app.Root, dir)
	if err := errors.Join(os.MkdirAll(dir, 0o755), os.WriteFile(filepath.Join(dir, "probe"), data, 0o755)); err != nil {
		b.t.Fatal(err)
	}
}

// built lists what was built for the app and is here: with a name, or without.
func (b *bed) built() (named, dangling []image.Summary) {
	b.t.Helper()
	list, err := b.engine.Client.ImageList(context.WithoutCancel(b.t.Context()), image.ListOptions{Filters: filters.NewArgs(filters.Arg("label", "dev.tandem.built="+b.app.Name))})
	if err != nil {
		b.t.Fatal(err)
	}
	for _, s := range list {
		if len(s.RepoTags) > 0 && s.RepoTags[0] != "<none>:<none>" {
			named = append(named, s)
		} else {
			dangling = append(dangling, s)
		}
	}
	return named, dangling
}

func (b *bed) removeBuilt() {
	for range 3 { // stages that others begin with go after them
		named, dangling := b.built()
		for _, s := range append(named, dangling...) {
			_, _ = b.engine.Client.ImageRemove(context.WithoutCancel(b.t.Context()), s.ID, image.RemoveOptions{Force: true, PruneChildren: true})
		}
	}
}

// imageID is what a name stands for, "" for nothing.
func (b *bed) imageID(ref string) string {
	b.t.Helper()
	info, err := b.engine.Client.ImageInspect(b.t.Context(), ref)
	if err != nil && !cerrdefs.IsNotFound(err) {
		b.t.Fatal(err)
	}
	return info.ID
}

// holds tells whether the image has the file.
func (b *bed) holds(ref, file string) bool {
	b.t.Helper()
	ctr, err := b.engine.Client.ContainerCreate(b.t.Context(), &container.Config{Image: ref, Cmd: []string{"wait"}}, nil, nil, nil, "")
	if err != nil {
		b.t.Fatal(err)
	}
	tb.Container(b.t, b.engine, ctr.ID)
	_, err = b.engine.Client.ContainerStatPath(b.t.Context(), ctr.ID, file)
	if err != nil && !cerrdefs.IsNotFound(err) {
		b.t.Fatal(err)
	}
	return err == nil
}

// rejected returns the verdict of an Up on a build.
func (b *bed) rejected() *deploy.RejectError {
	b.t.Helper()
	err := b.attempt()
	var bad *deploy.RejectError
	if !errors.As(err, &bad) || bad.Reason != deploy.BuildFailed {
		b.t.Fatalf("Up said %v, want that the build failed", err)
	}
	return bad
}

// bothBuilders runs a test with the classic builder, and with BuildKit.
func bothBuilders(t *testing.T, name string, test func(t *testing.T, name, step string)) {
	for builder, step := range map[string]string{"classic": "", "buildkit": kit} {
		t.Run(builder, func(t *testing.T) { test(t, name+builder[:1], step) })
	}
}

func TestUp_BuildsTheImageFromTheFilesOfTheCommit(t *testing.T) {
	bothBuilders(t, "build", func(t *testing.T, name, step string) {
		b := building(t, name, strings.Replace(probeDockerfile, "ENTRYPOINT", step+"ENTRYPOINT", 1))
		b.write(".dockerignore", "# not these\n*.log\nnode_modules\n!node_modules/kept\n")
		b.write("big.log", "x")
		b.write("node_modules/dropped", "x")
		b.write("node_modules/kept", "x")
		b.write("src/page.html", "x")
		if err := os.Symlink("src/page.html", filepath.Join(b.app.Root, "link")); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink("/etc/hostname", filepath.Join(b.app.Root, "outside")); err != nil {
			t.Fatal(err)
		}
		b.up(deploy.Blue)
		b.answers(deploy.Blue, "one blue")
		ref := b.app.Name + "-api:1"
		for file, want := range map[string]bool{
			"/app/src/page.html": true, "/app/node_modules/kept": true, "/app/link": true,
			"/app/big.log": false, "/app/node_modules/dropped": false, "/app/tandem.yaml": false,
		} {
			if b.holds(ref, file) != want {
				t.Errorf("%s is in the image: %v, want %v", file, !want, want)
			}
		}
		first := b.imageID(ref)
		b.up(deploy.Green)
		if b.imageID(ref) != first {
			t.Error("the other color was given another image")
		}
	})
}

// TestUp_ADockerfileFromElsewhereIsInNoImage has it in the Compose file, and beside the context.
func TestUp_ADockerfileFromElsewhereIsInNoImage(t *testing.T) {
	bothBuilders(t, "elsewhere", func(t *testing.T, name, step string) {
		b := building(t, name, "")
		b.addProbe("web")
		inline := "FROM scratch\nCOPY . /app\nCOPY probe /probe\n" + step + "ENV VERSION=inline\nENTRYPOINT [\"/probe\"]\nCMD [\"serve\"]\n"
		b.write("compose.yaml", strings.Replace(buildFile, "{context: ., args: {VERSION: one}}", "\n      context: web\n      dockerfile_inline: |\n        "+strings.ReplaceAll(strings.TrimSpace(inline), "\n", "\n        "), 1))
		b.up(deploy.Blue)
		b.answers(deploy.Blue, "inline blue")
		b.onlyProbe(b.app.Name + "-api:1")
		b.move()
		b.app.Tag = "2"
		b.write("compose.yaml", strings.Replace(buildFile, "context: .,", "context: web, dockerfile: ../Dockerfile.web,", 1))
		b.write("Dockerfile.web", strings.Replace(inline, "=inline", "=beside", 1))
		b.up(deploy.Green)
		b.answers(deploy.Green, "beside green")
		b.onlyProbe(b.app.Name + "-api:2")
	})
}

// onlyProbe checks that nothing but the probe is in /app of the image.
func (b *bed) onlyProbe(ref string) {
	b.t.Helper()
	ctr, err := b.engine.Client.ContainerCreate(b.t.Context(), &container.Config{Image: ref}, nil, nil, nil, "")
	if err != nil {
		b.t.Fatal(err)
	}
	tb.Container(b.t, b.engine, ctr.ID)
	stream, _, err := b.engine.Client.CopyFromContainer(b.t.Context(), ctr.ID, "/app")
	if err != nil {
		b.t.Fatal(err)
	}
	var names []string
	for r := tar.NewReader(stream); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			b.t.Fatal(err)
		}
		names = append(names, h.Name)
	}
	if err := stream.Close(); err != nil {
		b.t.Fatal(err)
	}
	if want := []string{"app/", "app/probe"}; !slices.Equal(names, want) {
		b.t.Errorf("the image has %v, want %v", names, want)
	}
}

func TestUp_BuildsNothingThatIsHere(t *testing.T) {
	var log lockedText
	b := building(t, "rebuild", probeDockerfile, func(o *compose.Options) { o.Logger = slog.New(slog.NewTextHandler(&log, nil)) })
	b.up(deploy.Blue)
	first, old := b.imageID(b.app.Name+"-api:1"), b.app.Release
	b.move()
	b.app.Tag = "2"
	b.write("tandem.yaml", "tag: 2")
	b.up(deploy.Green)
	if got := b.imageID(b.app.Name + "-api:2"); got != first || b.app.Release == old {
		t.Errorf("a new tag made %s of %s, release %s of %s: want the same image in another release", got, first, b.app.Release, old)
	}
	b.up(deploy.Blue)
	if n := strings.Count(log.String(), "image build starts"); n != 1 {
		t.Errorf("%d builds of the same files, want 1:\n%s", n, log.String())
	}
	b.move()
	b.write("page.html", "another")
	b.app.Tag = "3"
	b.up(deploy.Blue)
	if got := b.imageID(b.app.Name + "-api:3"); got == first {
		t.Error("another file was not built")
	}
	// What was removed at night is built again, for a container that is missing.
	if err := b.engine.RemoveProject(t.Context(), b.app.Project(deploy.Blue)); err != nil {
		t.Fatal(err)
	}
	if _, err := b.engine.Client.ImageRemove(t.Context(), b.app.Name+"-api:3", image.RemoveOptions{PruneChildren: true}); err != nil {
		t.Fatal(err)
	}
	b.up(deploy.Blue)
	b.answers(deploy.Blue, "one blue")
}

// TestUp_TakesNoImageForItsOwnThatAnybodyLabelled gives an image under another name the label of
// what is to be built.
func TestUp_TakesNoImageForItsOwnThatAnybodyLabelled(t *testing.T) {
	b := building(t, "forged", probeDockerfile)
	b.up(deploy.Blue)
	info, err := b.engine.Client.ImageInspect(t.Context(), b.app.Name+"-api:1")
	if err != nil {
		t.Fatal(err)
	}
	forged := b.image + ":forged"
	tb.Images(t, b.engine, forged)
	err = b.engine.BuildImage(t.Context(), testbed.ImageBuilder{Ref: forged, Binary: tb.GoBinary(t, "testdata/probe"), Cmd: []string{"serve"}, Labels: info.Config.Labels})
	if err != nil {
		t.Fatal(err)
	}
	if err := b.engine.RemoveProject(t.Context(), b.app.Project(deploy.Blue)); err != nil {
		t.Fatal(err)
	}
	if _, err := b.engine.Client.ImageRemove(t.Context(), info.ID, image.RemoveOptions{Force: true}); err != nil {
		t.Fatal(err)
	}
	b.up(deploy.Blue)
	b.answers(deploy.Blue, "one blue")
	if b.imageID(b.app.Name+"-api:1") == b.imageID(forged) {
		t.Error("the image of somebody else was taken")
	}
}

func TestUp_ABuildThatFailsSaysItsLastLines(t *testing.T) {
	bothBuilders(t, "badbuild", func(t *testing.T, name, step string) {
		b := building(t, name, probeDockerfile+step+"RUN [\"/probe\", \"exit\", \"3\", \""+tb.Planted+"\"]\n", func(o *compose.Options) { o.Vault = tb.Vault{} })
		b.write("page.html", name) // so that no other test has it in the cache
		bad := b.rejected()
		if !strings.Contains(bad.Logs, "leaving with 3") || !strings.Contains(bad.Detail, "api") || !strings.Contains(bad.Detail, "3") {
			t.Errorf("it says %q with the lines\n%s", bad.Detail, bad.Logs)
		}
		if strings.Contains(bad.Detail+bad.Logs, tb.Planted) {
			t.Errorf("it tells a secret: %q\n%s", bad.Detail, bad.Logs)
		}
		if named, _ := b.built(); len(named) > 0 {
			t.Errorf("it left %v behind", named[0].RepoTags)
		}
		if stack := b.stack(deploy.Blue); stack.Condition != deploy.Absent {
			t.Errorf("the stack is %s", stack.Condition)
		}
	})
}

func TestUp_ABuildThatTakesTooLongIsStopped(t *testing.T) {
	bothBuilders(t, "longbuild", func(t *testing.T, name, step string) {
		b := building(t, name, probeDockerfile+step+"RUN [\"/probe\", \"wait\"]\n")
		b.client.SetBuildTime(5 * time.Second)
		if bad := b.rejected(); !strings.Contains(bad.Detail, "longer than 5s") {
			t.Errorf("it says %q", bad.Detail)
		}
	})
}

func TestUp_ABuildEndsWithItsContext(t *testing.T) {
	b := building(t, "cancel", probeDockerfile+"RUN [\"/probe\", \"wait\"]\n")
	b.resolve()
	ctx, cancel := context.WithCancel(t.Context())
	over := make(chan error, 1)
	go func() { over <- b.client.Up(ctx, b.app, deploy.Blue, nil) }()
	running := func() (ids []string) {
		list, err := b.engine.Client.ContainerList(t.Context(), container.ListOptions{Filters: filters.NewArgs(filters.Arg("label", "dev.tandem.built="+b.app.Name))})
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range list {
			ids = append(ids, s.ID)
		}
		return ids
	}
	tb.Until(t, patience, "the container of the build", func() error {
		if len(running()) == 0 {
			return errors.New("there is none")
		}
		return nil
	})
	cancel()
	if err := <-over; !errors.Is(err, context.Canceled) {
		t.Errorf("Up said %v", err)
	}
	tb.Until(t, patience, "no container of the build", func() error {
		if len(running()) > 0 {
			return errors.New("it runs on")
		}
		return nil
	})
}

func TestUp_TwoServicesAndAMigrationOfOneContext(t *testing.T) {
	b := building(t, "pair", probeDockerfile)
	b.write("compose.yaml", buildFile+"  worker: {build: {context: ., args: {VERSION: two}}, command: [wait]}\n  migrate: {build: ./sub, command: [exit, '0']}\n")
	b.write("sub/Dockerfile", "FROM scratch\nCOPY probe /probe\nENTRYPOINT [\"/probe\"]\n")
	b.addProbe("sub")
	b.app.Migrations.Expand = "migrate"
	b.resolve()
	if err := b.client.Migrate(t.Context(), b.app, deploy.Blue, deploy.ExpandMigration); err != nil {
		t.Fatal(err)
	}
	b.up(deploy.Blue)
	b.answers(deploy.Blue, "one blue")
	images, err := b.client.Images(t.Context(), b.stack(deploy.Blue))
	if err != nil {
		t.Fatal(err)
	}
	var refs []string
	for _, i := range images {
		refs = append(refs, strings.TrimPrefix(i.Ref, b.app.Name))
	}
	slices.Sort(refs)
	// The migration's container is none of the stack's; its image goes with the release all the same.
	if want := []string{"-api:1", "-migrate:1", "-worker:1"}; !slices.Equal(refs, want) {
		t.Errorf("the release brought %v here, want %v", refs, want)
	}
	if err := b.client.Forget(t.Context(), b.app, deploy.ExpandMigration); err != nil {
		t.Fatal(err)
	}
	if err := b.engine.RemoveProject(t.Context(), b.app.Project(deploy.Blue)); err != nil {
		t.Fatal(err)
	}
	if gone := b.remove(images...); len(gone) != 3 {
		t.Errorf("of %v only %v are gone", images, gone)
	}
	if named, _ := b.built(); len(named) > 0 {
		t.Errorf("%v is left", named[0].RepoTags)
	}
}

func TestUp_ASharedServiceThatIsBuiltStaysWithANewTag(t *testing.T) {
	b := building(t, "shbuild", probeDockerfile)
	b.app.Shared = "compose.shared.yaml"
	b.write("compose.shared.yaml", "services:\n  db:\n    build: ./db\n    command: [wait]\n    volumes: ['data:/data']\nvolumes: {data: }\n")
	b.write("db/Dockerfile", "FROM scratch\nCOPY probe /probe\nENTRYPOINT [\"/probe\"]\n")
	b.addProbe("db")
	b.up(deploy.Blue)
	before := b.shared()
	b.move()
	b.app.Tag = "2"
	b.write("page.html", "another")
	b.up(deploy.Green)
	if after := b.shared(); after["db"] != before["db"] || after["db"] == "" {
		t.Errorf("the shared service was %v, is %v", before, after)
	}
	b.move()
	b.write("db/more", "x")
	b.up(deploy.Green)
	if after := b.shared(); after["db"] == before["db"] || after["db"] == "" {
		t.Errorf("the shared service was %v, is %v, although it is built from something else", before, after)
	}
}

// lockedText is a log that may be read while it is written.
type lockedText struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *lockedText) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *lockedText) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}
