package nginx_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/mount"
	"github.com/docker/docker/api/types/network"
	docker "github.com/docker/docker/client"
	"github.com/docker/docker/pkg/stdcopy"

	"tandem/internal/testbed"
	"tandem/internal/testbed/tb"
	"tandem/nginx"
	"tandem/reconciler"
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
	app     reconciler.App
}

func newBoxed(t *testing.T, mode string, hostNetwork bool) *boxed {
	t.Helper()
	e := tb.Engine(t)
	ports := tb.Ports(t, 2)
	root := tb.Dir(t)
	// The app has this name, too: one that sorts after tandem's own files.
	b := &boxed{engine: e, image: tb.Debian(t, e), name: fmt.Sprintf("web%08x", rand.Uint32()),
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
	b.app = appWith(b.name, reconciler.Route{Name: "api", Service: "api", Ports: reconciler.Ports{Blue: 3001, Green: 3002}})
	b.configure(t, "", "")
	b.run(t, b.name, b.conf, mount.Mount{Type: mount.TypeBind, Source: filepath.Dir(b.dir), Target: "/inside"})
	b.options = nginx.Options{Dir: b.dir, Switch: mode, Container: b.name, Docker: e.Client, Command: "nginx -c /conf/nginx.conf",
		Confirm: fmt.Sprintf("127.0.0.1:%d", ports[1]), Logger: slog.New(slog.DiscardHandler),
		Endpoint: b.endpoint}
	var err error
	if b.proxy, err = nginx.New(b.options); err != nil {
		t.Fatal(err)
	}
	return b
}

// endpoint looks at the container of a color, as compose does.
func (b *boxed) endpoint(ctx context.Context, app reconciler.App, r reconciler.Route, c reconciler.Color) (reconciler.Endpoint, error) {
	e := reconciler.Endpoint{Host: app.Project(c) + "-" + r.Service + "-1", Port: 3000}
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
func (b *boxed) stack(t *testing.T, c reconciler.Color) {
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

func (b *boxed) wantTraffic(t *testing.T, want reconciler.Color) {
	t.Helper()
	url := "http://" + net.JoinHostPort(b.address(t, b.name), fmt.Sprint(b.port))
	for range 10 {
		if got := get(t, url); got != string(want) {
			t.Fatalf("GET %s: got %q, want %q", url, got, want)
		}
	}
}

func (b *boxed) flip(t *testing.T, c reconciler.Color) {
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
	wantReason(t, err, reconciler.NotIncluded, httpLine)
	b.configure(t, httpLine, serverLine+location)
	if _, err := b.proxy.Prepare(t.Context(), b.app); err != nil {
		t.Fatal(err)
	}
}

// passing sends everything to the app's variable.
func (b *boxed) passing() string {
	return "location / { proxy_pass http://" + nginx.Variable(b.app.Name, "api") + "; }"
}

func TestContainer_OnTheHostsNetwork(t *testing.T) {
	for _, mode := range []string{nginx.SwitchFlip, nginx.SwitchReload} {
		t.Run(mode, func(t *testing.T) {
			b := newBoxed(t, mode, true)
			b.app.Routes[0].Ports = reconciler.Ports{Blue: newStack(t, reconciler.Blue).port, Green: newStack(t, reconciler.Green).port}
			b.prepare(t, b.passing())
			b.wantTraffic(t, reconciler.Blue)
			b.flip(t, reconciler.Green)
			b.wantTraffic(t, reconciler.Green)
			b.wantVisitsInTheLog(t, reconciler.Green)
			if flip := mode == nginx.SwitchFlip; b.proxy.Spares() != flip {
				t.Errorf("Spares: got %v, want %v", !flip, flip)
			} else if flip {
				b.wantSpare(t)
			}
		})
	}
}

// wantSpare arms and disarms, which Nginx has to confirm.
func (b *boxed) wantSpare(t *testing.T) {
	t.Helper()
	for _, on := range []bool{true, false} {
		if err := b.proxy.Arm(t.Context(), b.app, on); err != nil {
			t.Fatal(err)
		}
		if got, err := b.proxy.Armed(t.Context(), b.app); err != nil || got != on {
			t.Errorf("Armed: got %v and %v, want %v", got, err, on)
		}
	}
}

// wantVisitsInTheLog visits, and reads the log on this host that Nginx writes in
// its container. Each wantTraffic before was ten requests.
func (b *boxed) wantVisitsInTheLog(t *testing.T, c reconciler.Color) {
	t.Helper()
	before, err := b.proxy.Traffic(t.Context(), b.app, c, time.Now().Add(-time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	route := b.app.Routes[0]
	route.Health = reconciler.Health{Path: "/", StatusMin: 200, StatusMax: 299, MaxLatency: patience}
	if got := b.proxy.Visit(t.Context(), b.app, route); got.Err != nil || got.Status != http.StatusOK {
		t.Errorf("Visit: got %+v, want status 200", got)
	}
	tb.Until(t, patience, "the visit in the log", func() error {
		got, err := b.proxy.Traffic(t.Context(), b.app, c, time.Now().Add(-time.Hour))
		if err != nil || got.Visits != before.Visits+1 || got.Requests < 10 {
			return fmt.Errorf("it is not: %+v: %w", got, err)
		}
		return nil
	})
}

func TestContainer_ATestThatFailsIsNotTakenForOneThatPassed(t *testing.T) {
	b := newBoxed(t, nginx.SwitchFlip, true)
	late := tb.LateEngine(t, b.engine)
	engine, err := docker.NewClientWithOpts(docker.WithHost(late.Host()), docker.WithAPIVersionNegotiation())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := engine.Close(); err != nil {
			t.Error(err)
		}
	})
	b.options.Docker = engine
	p, err := nginx.New(b.options)
	if err != nil {
		t.Fatal(err)
	}
	tb.Until(t, patience, "nginx in the container", func() error {
		conn, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", b.port))
		if err != nil {
			return err
		}
		return conn.Close()
	})
	b.configure(t, "working nonsense;", "")
	_, err = p.Prepare(t.Context(), b.app)
	wantReason(t, err, reconciler.NginxBroken, `unknown directive "working"`)
	if left, err := filepath.Glob(filepath.Join(b.dir, b.name+".*")); err != nil || len(left) > 0 {
		t.Errorf("%v is left (%v), though Nginx refused it", left, err)
	}
	if late.Told() == 0 {
		t.Error("the engine was never late")
	}
}

func TestContainer_OnANetworkOfItsOwnFindsAContainerThatCameBackElsewhere(t *testing.T) {
	for _, mode := range []string{nginx.SwitchFlip, nginx.SwitchReload} {
		t.Run(mode, func(t *testing.T) {
			b := newBoxed(t, mode, false)
			b.stack(t, reconciler.Blue)
			b.prepare(t, b.passing())
			b.wantTraffic(t, reconciler.Blue)
			b.stack(t, reconciler.Green)
			b.flip(t, reconciler.Green)
			b.wantTraffic(t, reconciler.Green)
			b.wantVisitsInTheLog(t, reconciler.Green)
			if b.proxy.Spares() { // the image's Nginx is older than 1.27.3
				t.Error("there can be a spare")
			}

			green := b.app.Project(reconciler.Green) + "-api-1"
			before := b.address(t, green)
			if err := b.engine.RemoveContainer(within(t), green); err != nil {
				t.Fatal(err)
			}
			b.run(t, b.name+"-squatter", b.conf, mount.Mount{Type: mount.TypeBind, Source: filepath.Dir(b.dir), Target: "/inside"})
			b.stack(t, reconciler.Green)
			if after := b.address(t, green); after == before {
				t.Fatalf("the container has its old address %s", after)
			}
			if _, err := b.proxy.Prepare(t.Context(), b.app); err != nil {
				t.Fatal(err)
			}
			tb.Until(t, patience, "green at its new address", func() error {
				if got := get(t, "http://"+net.JoinHostPort(b.address(t, b.name), fmt.Sprint(b.port))); got != "green" {
					return errors.New(got)
				}
				return nil
			})
			tb.Until(t, patience, "blue to be idle", func() error {
				if open, err := b.proxy.Connections(t.Context(), b.app, reconciler.Blue); err != nil || !open.Idle() {
					return fmt.Errorf("open are %+v: %w", open, err)
				}
				return nil
			})
		})
	}
}

func TestContainer_IdleSeesTheConnectionsOfNginxsOwnNetwork(t *testing.T) {
	b := newBoxed(t, nginx.SwitchFlip, false)
	conf := tb.Dir(t)
	writeConf(t, conf, 3000, "", "root /usr; limit_rate_after 20000; limit_rate 10; location / { try_files /bin/bash =404; }")
	b.run(t, b.app.Project(reconciler.Blue)+"-api-1", conf)
	b.prepare(t, b.passing())
	ctx, leave := context.WithCancel(t.Context())
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+net.JoinHostPort(b.address(t, b.name), fmt.Sprint(b.port)), nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := fresh.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	wantIdle := func(c reconciler.Color, want bool) {
		t.Helper()
		tb.Until(t, patience, fmt.Sprintf("%s to be idle: %v", c, want), func() error {
			if open, err := b.proxy.Connections(t.Context(), b.app, c); err != nil || open.Idle() != want {
				return fmt.Errorf("open are %+v: %w", open, err)
			}
			return nil
		})
	}
	wantIdle(reconciler.Blue, false)
	wantIdle(reconciler.Green, true)
	leave()
	_ = res.Body.Close() // it was cut off on purpose
	wantIdle(reconciler.Blue, true)
}

func TestContainer_ConfirmServerTurnsEverybodyElseAway(t *testing.T) {
	b := newBoxed(t, nginx.SwitchFlip, false)
	b.stack(t, reconciler.Blue)
	b.prepare(t, b.passing())
	_, port, err := net.SplitHostPort(b.options.Confirm)
	if err != nil {
		t.Fatal(err)
	}
	ask := fmt.Sprintf(`exec 3<>/dev/tcp/%s/%s; printf 'GET /%s HTTP/1.0\r\n\r\n' >&3; cat <&3`, b.name, port, b.app.Name)
	neighbour := b.app.Project(reconciler.Blue) + "-api-1"
	if got := b.exec(t, neighbour, "bash", "-c", ask); !strings.Contains(got, "403 Forbidden") {
		t.Errorf("a neighbour got %q, want 403", got)
	}
	if got := b.exec(t, b.name, "bash", "-c", strings.Replace(ask, b.name, "127.0.0.1", 1)); !strings.HasSuffix(strings.TrimSpace(got), "blue") {
		t.Errorf("Nginx's own container got %q, want blue", got)
	}
}

func TestContainer_AwayStoppedOrWithoutTheMount(t *testing.T) {
	b := newBoxed(t, nginx.SwitchFlip, false)
	b.stack(t, reconciler.Blue)
	other := b.options
	other.Dir = tb.Dir(t)
	p, err := nginx.New(other)
	if err != nil {
		t.Fatal(err)
	}
	_, err = p.Prepare(t.Context(), b.app)
	wantReason(t, err, reconciler.NotIncluded, other.Dir, "mount the directory")

	// A container whose configuration names files that do not exist yet cannot
	// start; Prepare writes them, and then it can.
	b.configure(t, "include /inside/tandem/*.conf;", "include /inside/tandem/"+b.app.Name+".server;"+b.passing())
	timeout := 0
	if err := b.engine.Client.ContainerStop(within(t), b.name, container.StopOptions{Timeout: &timeout}); err != nil {
		t.Fatal(err)
	}
	_, err = b.proxy.Live(t.Context(), b.app)
	wantReason(t, err, reconciler.NginxAway)
	_, err = b.proxy.Prepare(t.Context(), b.app)
	wantReason(t, err, reconciler.NginxAway, b.name)
	if err := b.engine.Client.ContainerStart(within(t), b.name, container.StartOptions{}); err != nil {
		t.Fatal(err)
	}
	tb.Until(t, patience, "nginx in the container", func() error {
		_, err := b.proxy.Prepare(t.Context(), b.app)
		return err
	})
	b.wantTraffic(t, reconciler.Blue)

	if err := b.engine.RemoveContainer(within(t), b.name); err != nil {
		t.Fatal(err)
	}
	_, err = b.proxy.Live(t.Context(), b.app)
	wantReason(t, err, reconciler.NginxAway, "there is no container "+b.name)
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
