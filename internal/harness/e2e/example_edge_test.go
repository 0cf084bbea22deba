package e2e

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/docker/cli/cli/command"
	"github.com/docker/cli/cli/flags"
	"github.com/docker/compose/v5/pkg/api"
	sdk "github.com/docker/compose/v5/pkg/compose"

	"tandem/examples"
	"tandem/internal/harness/testbed"
	"tandem/internal/harness/testbed/tb"
)

// edge is the example's Nginx in a container, on a network of its own.
type edge struct {
	project string
	dir     string // the copy of the example's directory
	port    int    // of the site
}

// newEdge copies the example's edge; startEdge starts it. What it consists of is
// removed when the test ends.
func newEdge(t *testing.T, e *testbed.Engine, app string) *edge {
	t.Helper()
	g := &edge{project: app + "-edge", dir: filepath.Join(tb.Dir(t), "edge"), port: tb.Ports(t, 1)[0]}
	all := filepath.Join(t.TempDir(), "flask")
	check(t, examples.Copy(all, "flask"))
	check(t, os.CopyFS(g.dir, os.DirFS(filepath.Join(all, "edge"))))
	check(t, os.Mkdir(filepath.Join(g.dir, "tandem"), 0o755))

	image := shared.keep(t, "edge", func(ctx context.Context, ref string) error {
		return e.Build(ctx, ref, nginxImage(t, tb.Debian(t, e)))
	})
	tb.Project(t, e, g.project)
	put(t, filepath.Join(g.dir, "compose.yaml"), "nginx:stable", image, "name: edge", "name: "+g.project)
	return g
}

// nginxImage writes the Dockerfile of an image that works as Nginx's own does. It
// has one worker: each keeps the names that it resolved for itself, and a second
// one that was never asked would hide that the first believes an old address.
func nginxImage(t *testing.T, from string) (dir string) {
	t.Helper()
	dir = t.TempDir()
	text := "FROM " + from + `
RUN mkdir -p /var/log/nginx && rm -f /etc/nginx/sites-enabled/default && sed -i 's/^worker_processes .*/worker_processes 1;/' /etc/nginx/nginx.conf
CMD ["nginx", "-g", "daemon off;"]
`
	check(t, os.WriteFile(filepath.Join(dir, "Dockerfile"), []byte(text), 0o644))
	return dir
}

// start does what "docker compose up -d" does.
func (g *edge) start(t *testing.T, confirm int, words ...string) {
	t.Helper()
	file := filepath.Join(g.dir, "compose.yaml")
	put(t, file, `"80:80"`, fmt.Sprintf(`"127.0.0.1:%d:80"`, g.port), "127.0.0.1:8485:8485", fmt.Sprintf("127.0.0.1:%d:%d", confirm, confirm))
	put(t, filepath.Join(g.dir, "conf.d", "hello.conf"), words...)

	composeUp(t, api.ProjectLoadOptions{ConfigPaths: []string{file}})
}

// composeUp does what "docker compose up -d" does.
func composeUp(t *testing.T, o api.ProjectLoadOptions) {
	t.Helper()
	cli, err := command.NewDockerCli(command.WithOutputStream(io.Discard), command.WithErrorStream(io.Discard))
	check(t, err)
	check(t, cli.Initialize(flags.NewClientOptions()))
	service, err := sdk.NewComposeService(cli)
	check(t, err)
	project, err := service.LoadProject(t.Context(), o)
	check(t, err)
	check(t, service.Up(t.Context(), project, api.UpOptions{
		Create: api.CreateOptions{Recreate: api.RecreateDiverged}, Start: api.StartOptions{Project: project},
	}))
}

// container is the name of Nginx's container.
func (g *edge) container() string { return g.project + "-nginx-1" }

// tandem is the agent's nginx.dir.
func (g *edge) tandem() string { return filepath.Join(g.dir, "tandem") }

func (g *edge) url() string { return fmt.Sprintf("http://127.0.0.1:%d", g.port) }
