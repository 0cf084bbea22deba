package testbed

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"tandem/internal/lib/atomicfile"
)

// NginxOptions say how an Nginx is to be.
type NginxOptions struct {
	Port     int  // of the server block; zero: a free one
	Workers  int  // zero: 2
	Detached bool // goes on running when this process ends
}

// NginxConfig is text for the three levels of nginx.conf. All of it may be empty.
type NginxConfig struct {
	Main   string // beside the http block
	HTTP   string // inside the http block
	Server string // inside the one server block
}

// Nginx is an Nginx with a configuration, pid file, logs and temporary paths of
// its own, listening on a loopback port. It is not running until Start.
type Nginx struct {
	Dir      string // the prefix; every user can read it
	Port     int
	workers  int
	detached bool
	reserved *Ports
	process  *process // nil while it is stopped
}

// NewNginx makes the directory and a configuration with an empty server block.
func NewNginx(o NginxOptions) (*Nginx, error) {
	n := &Nginx{Port: o.Port, workers: o.Workers, detached: o.Detached}
	if n.workers == 0 {
		n.workers = 2
	}
	if err := n.prepare(); err != nil {
		return nil, errors.Join(fmt.Errorf("prepare nginx: %w", err), n.Close(context.Background()))
	}
	return n, nil
}

func (n *Nginx) prepare() (err error) {
	if n.Port == 0 {
		if n.reserved, err = ReservePorts(1); err != nil {
			return err
		}
		n.Port = n.reserved.Numbers[0]
	}
	if n.Dir, err = Dir("tandem-nginx-"); err != nil {
		return err
	}
	if err := os.Mkdir(n.path("tmp"), 0o755); err != nil {
		return err
	}
	return n.Configure(NginxConfig{})
}

// Configure replaces nginx.conf at once, because an agent may be testing it. A
// running Nginx does not notice before Reload.
func (n *Nginx) Configure(c NginxConfig) error {
	var temp strings.Builder
	for _, kind := range []string{"client_body", "proxy", "fastcgi", "uwsgi", "scgi"} {
		fmt.Fprintf(&temp, "    %s_temp_path %s;\n", kind, n.path("tmp/"+kind))
	}
	conf := fmt.Sprintf(`worker_processes %d;
pid %s;
error_log %s notice;
%s
events { worker_connections 2048; }
http {
    access_log %s;
%s
%s
    server {
        listen %s;
%s
    }
}
`, n.workers, n.path("nginx.pid"), n.path("error.log"), c.Main, n.path("access.log"), temp.String(), c.HTTP, n.Addr(), c.Server)
	return atomicfile.Write(n.path("nginx.conf"), []byte(conf), 0o644)
}

// Start starts Nginx and returns when it listens. The error has the end of the
// error log.
func (n *Nginx) Start(ctx context.Context) error {
	// A pid file that a killed Nginx left would make it look ready at once.
	if err := os.Remove(n.path("nginx.pid")); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	p, err := start(n.path("error.log"), n.detached, "nginx", "-p", n.Dir, "-c", n.path("nginx.conf"), "-g", "daemon off;")
	if err != nil {
		return fmt.Errorf("start nginx: %w", err)
	}
	n.process = p
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	ctx, fail := context.WithCancelCause(ctx)
	defer fail(nil)
	err = Until(ctx, "nginx on "+n.Addr(), func() error {
		if p.ended() {
			fail(errors.New("nginx has exited"))
		}
		return n.listens()
	})
	if err != nil {
		return errors.Join(fmt.Errorf("start nginx: %w\n%s", err, tail(n.path("error.log"))), n.Kill(context.Background()))
	}
	return nil
}

func (n *Nginx) listens() error {
	data, err := os.ReadFile(n.path("nginx.pid"))
	if err != nil {
		return err
	}
	if pid := strings.TrimSpace(string(data)); pid != strconv.Itoa(n.process.pid()) {
		return fmt.Errorf("pid file says %q, want %d", pid, n.process.pid())
	}
	conn, err := net.DialTimeout("tcp", n.Addr(), time.Second)
	if err != nil {
		return err
	}
	return conn.Close()
}

// Addr is the host and port of the server block.
func (n *Nginx) Addr() string { return fmt.Sprintf("127.0.0.1:%d", n.Port) }

// URL is the address of the server block, without a slash at the end.
func (n *Nginx) URL() string { return "http://" + n.Addr() }

// Command is how a shell or an agent addresses this Nginx: with "-t" it tests
// the configuration, with "-s reload" it loads it.
func (n *Nginx) Command() string {
	return fmt.Sprintf("nginx -p %s -c %s", n.Dir, n.path("nginx.conf"))
}

// Test runs "nginx -t". The error has Nginx's own words.
func (n *Nginx) Test(ctx context.Context) error { return n.signal(ctx, "-t") }

// Reload runs "nginx -s reload", which returns before new workers are up.
func (n *Nginx) Reload(ctx context.Context) error { return n.signal(ctx, "-s", "reload") }

// ReloadAndWait reloads and returns when every worker of the configuration
// before has ended: until then some of them go on accepting connections, and
// all of them drop idle ones. Open WebSockets keep them alive until ctx ends.
func (n *Nginx) ReloadAndWait(ctx context.Context) error {
	before, err := n.Workers()
	if err != nil {
		return fmt.Errorf("reload nginx: %w", err)
	}
	if err := n.Reload(ctx); err != nil {
		return err
	}
	return Until(ctx, "the end of nginx's former workers", func() error {
		now, err := n.Workers()
		if err != nil {
			return err
		}
		for _, w := range now {
			if slices.ContainsFunc(before, func(b Process) bool { return b.PID == w.PID }) {
				return fmt.Errorf("process %d is left: %s", w.PID, w.Title)
			}
		}
		return nil
	})
}

func (n *Nginx) signal(ctx context.Context, args ...string) error {
	return run(ctx, "nginx", append([]string{"-p", n.Dir, "-c", n.path("nginx.conf")}, args...)...)
}

// Stop ends Nginx at once but in order (SIGTERM). Stopping a stopped one is no
// error.
func (n *Nginx) Stop(ctx context.Context) error {
	if n.process == nil {
		return nil
	}
	if err := n.process.stop(ctx, syscall.SIGTERM); err != nil {
		return fmt.Errorf("stop nginx: %w", err)
	}
	n.process = nil
	return nil
}

// Kill sends SIGKILL to the master and its workers and returns when all of
// them are gone. The pid file stays, as after a crash.
func (n *Nginx) Kill(ctx context.Context) error {
	if n.process == nil {
		return nil
	}
	group := n.process.pid()
	if err := n.process.kill(); err != nil {
		return fmt.Errorf("kill nginx: %w", err)
	}
	n.process = nil
	// The workers are orphans now and die in their own time, with the port open.
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	return Until(ctx, "death of nginx", func() error {
		all, err := processes(func(p Process) bool { return p.group == group })
		if err == nil && len(all) > 0 {
			err = fmt.Errorf("%d processes are left", len(all))
		}
		return err
	})
}

// Close ends Nginx and removes its files.
func (n *Nginx) Close(ctx context.Context) error {
	err := n.Stop(ctx)
	if n.Dir != "" {
		err = errors.Join(err, os.RemoveAll(n.Dir))
	}
	if n.reserved != nil {
		err = errors.Join(err, n.reserved.Close())
	}
	return err
}

// PID is the master's process id, 0 while Nginx is stopped.
func (n *Nginx) PID() int {
	if n.process == nil || n.process.ended() {
		return 0
	}
	return n.process.pid()
}

// ErrorLog returns the end of the error log.
func (n *Nginx) ErrorLog() string { return tail(n.path("error.log")) }

func (n *Nginx) path(name string) string { return filepath.Join(n.Dir, name) }

// NginxVersion returns what the installed Nginx says it is ("1.22.1").
func NginxVersion(ctx context.Context) (string, error) {
	path, err := lookPath("nginx")
	if err != nil {
		return "", err
	}
	out, err := exec.CommandContext(ctx, path, "-v").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("ask nginx for its version: %w", err)
	}
	_, version, found := strings.Cut(strings.TrimSpace(string(out)), "nginx/")
	if !found {
		return "", fmt.Errorf("ask nginx for its version: it says %q", out)
	}
	return strings.Fields(version)[0], nil
}
