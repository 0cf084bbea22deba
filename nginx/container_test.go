package nginx_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/mount"
	docker "github.com/docker/docker/client"

	"tandem/internal/harness/testbed/tb"
	"tandem/internal/lib/containerexec"
	"tandem/nginx"
	"tandem/reconciler/deploy"
)

func TestContainer_OnTheHostsNetwork(t *testing.T) {
	for _, mode := range []string{nginx.SwitchFlip, nginx.SwitchReload} {
		t.Run(mode, func(t *testing.T) {
			b := newBoxed(t, mode, true)
			b.app.Routes[0].Ports = deploy.Ports{Blue: newStack(t, deploy.Blue).port, Green: newStack(t, deploy.Green).port}
			b.prepare(t, b.passing())
			b.wantTraffic(t, deploy.Blue)
			b.flip(t, deploy.Green)
			b.wantTraffic(t, deploy.Green)
			b.wantProbesInTheLog(t, deploy.Green)
			if flip := mode == nginx.SwitchFlip; b.proxy.SupportsBackup() != flip {
				t.Errorf("SupportsBackup: got %v, want %v", !flip, flip)
			} else if flip {
				b.wantBackup(t)
			}
		})
	}
}

// wantBackup makes the standby a backup and ends that, which Nginx has to confirm.
func (b *boxed) wantBackup(t *testing.T) {
	t.Helper()
	for _, on := range []bool{true, false} {
		if err := b.proxy.SetBackup(t.Context(), b.app, on); err != nil {
			t.Fatal(err)
		}
		if got, err := b.proxy.BackupActive(t.Context(), b.app); err != nil || got != on {
			t.Errorf("BackupActive: got %v and %v, want %v", got, err, on)
		}
	}
}

// wantProbesInTheLog probes, and reads the log on this host that Nginx writes in
// its container. Each wantTraffic before was ten requests.
func (b *boxed) wantProbesInTheLog(t *testing.T, c deploy.Color) {
	t.Helper()
	before, err := b.proxy.Traffic(t.Context(), b.app, c, time.Now().Add(-time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	route := b.app.Routes[0]
	route.Health = deploy.Health{Path: "/", StatusMin: 200, StatusMax: 299, MaxLatency: patience}
	if got := b.proxy.ProbeLive(t.Context(), b.app, route); got.Err != nil || got.Status != http.StatusOK {
		t.Errorf("Probe: got %+v, want status 200", got)
	}
	tb.Until(t, patience, "the probe in the log", func() error {
		got, err := b.proxy.Traffic(t.Context(), b.app, c, time.Now().Add(-time.Hour))
		if err != nil || got.Probes != before.Probes+1 || got.Requests < 10 {
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
	b.options.Container = containerexec.New(engine, b.name)
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
	wantReason(t, err, deploy.NginxBroken, `unknown directive "working"`)
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
			b.stack(t, deploy.Blue)
			b.prepare(t, b.passing())
			b.wantTraffic(t, deploy.Blue)
			b.stack(t, deploy.Green)
			b.flip(t, deploy.Green)
			b.wantTraffic(t, deploy.Green)
			b.wantProbesInTheLog(t, deploy.Green)
			if b.proxy.SupportsBackup() { // the image's Nginx is older than 1.27.3
				t.Error("there can be a backup")
			}

			green := b.app.Project(deploy.Green) + "-api-1"
			before := b.address(t, green)
			if err := b.engine.RemoveContainer(within(t), green); err != nil {
				t.Fatal(err)
			}
			b.run(t, b.name+"-squatter", b.conf, mount.Mount{Type: mount.TypeBind, Source: filepath.Dir(b.dir), Target: "/inside"})
			b.stack(t, deploy.Green)
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
				if open, err := b.proxy.Connections(t.Context(), b.app, deploy.Blue); err != nil || !open.Idle() {
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
	b.run(t, b.app.Project(deploy.Blue)+"-api-1", conf)
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
	wantIdle := func(c deploy.Color, want bool) {
		t.Helper()
		tb.Until(t, patience, fmt.Sprintf("%s to be idle: %v", c, want), func() error {
			if open, err := b.proxy.Connections(t.Context(), b.app, c); err != nil || open.Idle() != want {
				return fmt.Errorf("open are %+v: %w", open, err)
			}
			return nil
		})
	}
	wantIdle(deploy.Blue, false)
	wantIdle(deploy.Green, true)
	leave()
	_ = res.Body.Close() // it was cut off on purpose
	wantIdle(deploy.Blue, true)
}

func TestContainer_ConfirmServerTurnsEverybodyElseAway(t *testing.T) {
	b := newBoxed(t, nginx.SwitchFlip, false)
	b.stack(t, deploy.Blue)
	b.prepare(t, b.passing())
	_, port, err := net.SplitHostPort(b.options.Confirm)
	if err != nil {
		t.Fatal(err)
	}
	ask := fmt.Sprintf(`exec 3<>/dev/tcp/%s/%s; printf 'GET /%s HTTP/1.0\r\n\r\n' >&3; cat <&3`, b.name, port, b.app.Name)
	neighbour := b.app.Project(deploy.Blue) + "-api-1"
	if got := b.exec(t, neighbour, "bash", "-c", ask); !strings.Contains(got, "403 Forbidden") {
		t.Errorf("a neighbour got %q, want 403", got)
	}
	if got := b.exec(t, b.name, "bash", "-c", strings.Replace(ask, b.name, "127.0.0.1", 1)); !strings.HasSuffix(strings.TrimSpace(got), "blue") {
		t.Errorf("Nginx's own container got %q, want blue", got)
	}
}

func TestContainer_AwayStoppedOrWithoutTheMount(t *testing.T) {
	b := newBoxed(t, nginx.SwitchFlip, false)
	b.stack(t, deploy.Blue)
	other := b.options
	other.Dir = tb.Dir(t)
	p, err := nginx.New(other)
	if err != nil {
		t.Fatal(err)
	}
	_, err = p.Prepare(t.Context(), b.app)
	wantReason(t, err, deploy.NotIncluded, other.Dir, "mount the directory")

	// A container whose configuration names files that do not exist yet cannot
	// start; Prepare writes them, and then it can.
	b.configure(t, "include /inside/tandem/*.conf;", "include /inside/tandem/"+b.app.Name+".server;"+b.passing())
	timeout := 0
	if err := b.engine.Client.ContainerStop(within(t), b.name, container.StopOptions{Timeout: &timeout}); err != nil {
		t.Fatal(err)
	}
	_, err = b.proxy.Live(t.Context(), b.app)
	wantReason(t, err, deploy.NginxAway)
	_, err = b.proxy.Prepare(t.Context(), b.app)
	wantReason(t, err, deploy.NginxAway, b.name)
	if err := b.engine.Client.ContainerStart(within(t), b.name, container.StartOptions{}); err != nil {
		t.Fatal(err)
	}
	tb.Until(t, patience, "nginx in the container", func() error {
		_, err := b.proxy.Prepare(t.Context(), b.app)
		return err
	})
	b.wantTraffic(t, deploy.Blue)

	if err := b.engine.RemoveContainer(within(t), b.name); err != nil {
		t.Fatal(err)
	}
	_, err = b.proxy.Live(t.Context(), b.app)
	wantReason(t, err, deploy.NginxAway, "there is no container "+b.name)
}
