package nginx_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"testing"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/mount"
	"github.com/docker/docker/api/types/network"
	"github.com/docker/docker/pkg/stdcopy"

	"tandem/internal/harness/testbed"
	"tandem/internal/harness/testbed/tb"
	"tandem/internal/lib/containerexec"
	"tandem/nginx"
	"tandem/reconciler/deploy"
)

// boxed is an Nginx in a container. Its configuration and tandem's directory are
// mounted at paths that the host does not have.
type boxed struct {
	engine  *testbed.Engine
	image   string
	name    string // of Nginx's container, and the start of all others'
	network string // empty: the host's
	conf    string // the directory with nginx.conf, on the host
	dir     string // tandem's directory, on the host
	port    int    // of the site
	options nginx.Options
	proxy   *nginx.Proxy
	app     deploy.App
}

func newBoxed(t *testing.T, mode string, hostNetwork bool) *boxed {
	t.Helper()
	return newBoxedOf(t, tb.Debian, mode, hostNetwork)
}

// newBoxedOf is newBoxed with another image.
func newBoxedOf(t *testing.T, image func(testing.TB, *testbed.Engine) string, mode string, hostNetwork bool) *boxed {
	t.Helper()
	e := tb.Engine(t)
	ports := tb.Ports(t, 2)
	root := tb.Dir(t)
	// The app has this name, too: one that sorts after tandem's own files.
	b := &boxed{engine: e, image: image(t, e), name: fmt.Sprintf("web%08x", rand.Uint32()),
		conf: filepath.Join(root, "conf"), dir: filepath.Join(root, "shared", "tandem"), port: ports[0]}
	if !hostNetwork {
		b.network = b.name
		if _, err := e.Client.NetworkCreate(t.Context(), b.network, network.CreateOptions{}); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := e.Client.NetworkRemove(context.Background(), b.network); err != nil {
				t.Error(err)
			}
		})
	}
	for _, dir := range []string{b.conf, filepath.Dir(b.dir)} {
		if err := os.Mkdir(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	b.app = appWith(b.name, deploy.Route{Name: "api", Service: "api", Ports: deploy.Ports{Blue: 3001, Green: 3002}})
	b.configure(t, "", "")
	b.run(t, b.name, b.conf, mount.Mount{Type: mount.TypeBind, Source: filepath.Dir(b.dir), Target: "/inside"})
	b.options = nginx.Options{Dir: b.dir, Switch: mode, Container: containerexec.New(e.Client, b.name), Command: "nginx -c /conf/nginx.conf",
		Confirm: fmt.Sprintf("127.0.0.1:%d", ports[1]), Logger: slog.New(slog.DiscardHandler),
		Endpoint: b.endpoint}
	var err error
	if b.proxy, err = nginx.New(b.options); err != nil {
		t.Fatal(err)
	}
	return b
}

// endpoint looks at the container of a color, as compose does.
func (b *boxed) endpoint(ctx context.Context, app deploy.App, r deploy.Route, c deploy.Color) (deploy.Endpoint, error) {
	e := deploy.Endpoint{Host: app.Project(c) + "-" + r.Service + "-1", Port: 3000}
	info, err := b.engine.Client.ContainerInspect(ctx, e.Host)
	if cerrdefs.IsNotFound(err) {
		return e, nil
	}
	if err != nil {
		return e, err
	}
	if at := info.NetworkSettings.Networks[b.network]; at != nil && at.IPAddress != "" {
		e.Addresses = map[string]netip.Addr{b.network: netip.MustParseAddr(at.IPAddress)}
	}
	return e, nil
}

func (b *boxed) configure(t *testing.T, inHTTP, inServer string) {
	t.Helper()
	writeConf(t, b.conf, b.port, inHTTP, inServer)
}

func writeConf(t *testing.T, dir string, port int, inHTTP, inServer string) {
	t.Helper()
	text := fmt.Sprintf("worker_processes 2;\nevents {}\nhttp {\naccess_log /dev/stdout;\n%s\nserver { listen %d;\n%s\n}\n}\n", inHTTP, port, inServer)
	if err := os.WriteFile(filepath.Join(dir, "nginx.conf"), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// run starts a container of the image with an Nginx that has the configuration.
func (b *boxed) run(t *testing.T, name, conf string, more ...mount.Mount) {
	t.Helper()
	mode := container.NetworkMode("host")
	if b.network != "" {
		mode = container.NetworkMode(b.network)
	}
	ctx := within(t)
	_, err := b.engine.Client.ContainerCreate(ctx,
		&container.Config{Image: b.image, Cmd: []string{"nginx", "-c", "/conf/nginx.conf", "-g", "daemon off;"}},
		&container.HostConfig{NetworkMode: mode, Mounts: append(more, mount.Mount{Type: mount.TypeBind, Source: conf, Target: "/conf"})},
		nil, nil, name)
	if err != nil {
		t.Fatal(err)
	}
	tb.Container(t, b.engine, name)
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("%s wrote: %s", name, b.logs(t, name))
		}
	})
	if err := b.engine.Client.ContainerStart(ctx, name, container.StartOptions{}); err != nil {
		t.Fatal(err)
	}
}

// stack starts the container of one color, as Compose would name it.
func (b *boxed) stack(t *testing.T, c deploy.Color) {
	t.Helper()
	conf := tb.Dir(t)
	writeConf(t, conf, 3000, "", "return 200 "+string(c)+";")
	name := b.app.Project(c) + "-api-1"
	b.run(t, name, conf)
	tb.Until(t, patience, name+" to listen", func() error {
		conn, err := net.Dial("tcp", net.JoinHostPort(b.address(t, name), "3000"))
		if err != nil {
			return err
		}
		return conn.Close()
	})
}

func (b *boxed) address(t *testing.T, name string) string {
	t.Helper()
	if b.network == "" {
		return "127.0.0.1"
	}
	info, err := b.engine.Client.ContainerInspect(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	return info.NetworkSettings.Networks[b.network].IPAddress
}

func (b *boxed) wantTraffic(t *testing.T, want deploy.Color) {
	t.Helper()
	url := "http://" + net.JoinHostPort(b.address(t, b.name), fmt.Sprint(b.port))
	for range 10 {
		if got := get(t, url); got != string(want) {
			t.Fatalf("GET %s: got %q, want %q", url, got, want)
		}
	}
}

// untilTraffic waits until the workers from before a reload of the test's own answer nobody
// any more.
func (b *boxed) untilTraffic(t *testing.T, want deploy.Color) {
	t.Helper()
	url := "http://" + net.JoinHostPort(b.address(t, b.name), fmt.Sprint(b.port))
	tb.Until(t, patience, "answers of "+string(want)+" alone", func() error {
		for range 20 {
			if got := get(t, url); got != string(want) {
				return fmt.Errorf("got %q", got)
			}
		}
		return nil
	})
}

func (b *boxed) flip(t *testing.T, c deploy.Color) {
	t.Helper()
	if err := b.proxy.Flip(t.Context(), b.app, c); err != nil {
		t.Fatal(err)
	}
	if err := b.proxy.Confirm(t.Context(), b.app, c); err != nil {
		t.Fatal(err)
	}
}

// prepare includes the lines that Prepare asks for, one after the other.
func (b *boxed) prepare(t *testing.T, location string) {
	t.Helper()
	httpLine, serverLine, err := b.proxy.IncludeLines(t.Context(), b.app.Name)
	if err != nil {
		t.Fatal(err)
	}
	if want := "include /inside/tandem/*.conf;"; httpLine != want {
		t.Errorf("got line %q, want %q", httpLine, want)
	}
	_, err = b.proxy.Prepare(t.Context(), b.app)
	wantReason(t, err, deploy.NotIncluded, httpLine)
	b.configure(t, httpLine, serverLine+location)
	if _, err := b.proxy.Prepare(t.Context(), b.app); err != nil {
		t.Fatal(err)
	}
}

// passing sends everything to the app's variable.
func (b *boxed) passing() string {
	return "location / { proxy_pass http://" + nginx.Variable(b.app.Name, "api") + "; }"
}

// exec runs a program in a container and returns what it wrote.
func (b *boxed) exec(t *testing.T, name string, argv ...string) string {
	t.Helper()
	created, err := b.engine.Client.ContainerExecCreate(t.Context(), name, container.ExecOptions{Cmd: argv, AttachStdout: true, AttachStderr: true, Tty: true})
	if err != nil {
		t.Fatal(err)
	}
	attached, err := b.engine.Client.ContainerExecAttach(t.Context(), created.ID, container.ExecAttachOptions{Tty: true})
	if err != nil {
		t.Fatal(err)
	}
	defer attached.Close()
	var out bytes.Buffer
	if _, err := io.Copy(&out, attached.Reader); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// logs is what a container wrote; a test that failed shows it.
func (b *boxed) logs(t *testing.T, name string) string {
	t.Helper()
	out, err := b.engine.Client.ContainerLogs(context.Background(), name, container.LogsOptions{ShowStdout: true, ShowStderr: true, Tail: "20"})
	if err != nil {
		return err.Error()
	}
	defer func() { _ = out.Close() }() // it was only read
	var text bytes.Buffer
	if _, err := stdcopy.StdCopy(&text, &text, out); err != nil {
		return err.Error()
	}
	return text.String()
}
