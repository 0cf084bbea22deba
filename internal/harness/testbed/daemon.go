package testbed

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/client"
)

// Daemon is a Docker engine of its own, beside that of this machine, for whoever has
// to stop one: nobody else's containers, images and networks are on it. It needs root
// and, for itself and for all that talk to its containers, a network of their own: see
// Reexec. It is not running until Start.
type Daemon struct {
	dir     string
	process *process // nil while it is stopped

	// What runs its containers, which goes on without it as on a server. One that dockerd
	// starts by itself dies with a killed dockerd, and its pid may block the next.
	containerd *process
}

// NewDaemon makes the directories of an engine that is to keep everything below a
// temporary one.
func NewDaemon() (*Daemon, error) {
	if err := Require("dockerd", "containerd", "iptables"); err != nil {
		return nil, err
	}
	// A second engine rewrites the firewall of the first, and takes its bridge away.
	if !IsReexec() {
		return nil, errors.New("start a Docker engine of one's own: it needs a network of its own, too")
	}
	dir, err := Dir("tandem-docker-")
	if err != nil {
		return nil, err
	}
	d := &Daemon{dir: dir}
	// Without one, it would take the settings of this machine's engine.
	return d, os.WriteFile(d.path("daemon.json"), []byte("{}\n"), 0o600)
}

// Host is its address, for DOCKER_HOST.
func (d *Daemon) Host() string { return "unix://" + d.path("docker.sock") }

// Engine connects to it.
func (d *Daemon) Engine() (*Engine, error) {
	c, err := client.NewClientWithOpts(client.WithHost(d.Host()), client.WithAPIVersionNegotiation())
	if err != nil {
		return nil, fmt.Errorf("connect to docker: %w", err)
	}
	return &Engine{Client: c}, nil
}

// Start starts it and returns when it answers. With liveRestore its containers go on
// running when it is stopped.
func (d *Daemon) Start(ctx context.Context, liveRestore bool) error {
	if err := d.startContainerd(); err != nil {
		return fmt.Errorf("start containerd: %w", err)
	}
	p, err := start(d.path("log"), false, "dockerd",
		"--config-file", d.path("daemon.json"), "--host", d.Host(), "--pidfile", d.path("pid"),
		"--data-root", d.path("data"), "--exec-root", d.path("exec"),
		"--containerd", d.path("containerd.sock"),
		fmt.Sprintf("--live-restore=%t", liveRestore),
	)
	if err != nil {
		return fmt.Errorf("start dockerd: %w", err)
	}
	d.process = p
	e, err := d.Engine()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	ctx, fail := context.WithCancelCause(ctx)
	defer fail(nil)
	err = Until(ctx, "dockerd on "+d.Host(), func() error {
		if p.ended() {
			fail(errors.New("dockerd has exited"))
		}
		_, err := e.Client.Ping(ctx)
		return err
	})
	if err != nil {
		err = fmt.Errorf("start dockerd: %w\n%s", err, tail(d.path("log")))
	}
	return errors.Join(err, e.Close())
}

// startContainerd starts containerd, unless it runs. Dockerd waits until it answers.
func (d *Daemon) startContainerd() (err error) {
	if d.containerd != nil {
		return nil
	}
	text := fmt.Sprintf("version = 2\ndisabled_plugins = [\"io.containerd.grpc.v1.cri\"]\nroot = %q\nstate = %q\n[grpc]\naddress = %q\n",
		d.path("containerd"), d.path("containerd-state"), d.path("containerd.sock"))
	if err := os.WriteFile(d.path("containerd.toml"), []byte(text), 0o600); err != nil {
		return err
	}
	d.containerd, err = start(d.path("containerd.log"), false, "containerd", "--config", d.path("containerd.toml"))
	return err
}

// Stop ends it in order. Its containers end with it, unless it was started with
// liveRestore. Stopping a stopped one is no error.
func (d *Daemon) Stop(ctx context.Context) error {
	if d.process == nil {
		return nil
	}
	if err := d.process.stop(ctx, syscall.SIGTERM); err != nil {
		return fmt.Errorf("stop dockerd: %w", err)
	}
	d.process = nil
	return nil
}

// Kill ends it as a crash does: the containers, and what looks after them, live on.
func (d *Daemon) Kill() error {
	if d.process == nil {
		return nil
	}
	if err := d.process.cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("kill dockerd: %w", err)
	}
	<-d.process.done
	d.process = nil
	return nil
}

// Close ends it with its containers, and removes its files.
func (d *Daemon) Close(ctx context.Context) error {
	var errs []error
	if d.process == nil { // also of a killed one
		errs = append(errs, d.Start(ctx, false))
	}
	errs = append(errs, d.removeContainers(ctx), d.Stop(ctx))
	if d.containerd != nil {
		errs = append(errs, d.containerd.stop(ctx, syscall.SIGTERM))
	}
	errs = append(errs, d.unmount())
	return errors.Join(append(errs, os.RemoveAll(d.dir))...)
}

func (d *Daemon) removeContainers(ctx context.Context) error {
	e, err := d.Engine()
	if err != nil {
		return err
	}
	all, err := e.Client.ContainerList(ctx, container.ListOptions{All: true})
	errs := []error{err}
	for _, c := range all {
		errs = append(errs, e.RemoveContainer(ctx, c.ID))
	}
	return errors.Join(append(errs, e.Close())...)
}

// unmount takes away what a killed engine left mounted below its directory.
func (d *Daemon) unmount() error {
	text, err := os.ReadFile("/proc/self/mounts")
	if err != nil {
		return err
	}
	var errs []error
	for line := range strings.Lines(string(text)) {
		if f := strings.Fields(line); len(f) > 1 && strings.HasPrefix(f[1], d.dir+"/") {
			errs = append(errs, syscall.Unmount(f[1], syscall.MNT_DETACH))
		}
	}
	return errors.Join(errs...)
}

func (d *Daemon) path(elem ...string) string {
	return filepath.Join(append([]string{d.dir}, elem...)...)
}
