package nginx

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"slices"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/google/shlex"
	"golang.org/x/sync/semaphore"

	"tandem/internal/lib/httpclient"
	"tandem/nginx/accesslog"
	"tandem/reconciler/deploy"
)

// Options says where Nginx is and how its traffic is moved.
type Options struct {
	// Dir holds the generated files and the flags: an absolute path on this
	// host. In a container it is mounted as a directory, at any path.
	Dir string
	// Switch is SwitchFlip (the default) or SwitchReload.
	Switch string
	// Command runs Nginx's program, "nginx" unless it is set. It is split into
	// words as a shell would, and no shell runs it.
	Command string
	// Container is the one that Nginx runs in; nil when it runs on this host.
	Container Container
	// Confirm is where the generated confirm server listens: "127.0.0.1:8485"
	// unless it is set. In a container with a network of its own only the port counts.
	Confirm string
	// Endpoint returns where a route's containers are reached in one color. It is
	// needed when Container has a network of its own, and asked often.
	Endpoint func(ctx context.Context, app deploy.App, route deploy.Route, color deploy.Color) (deploy.Endpoint, error)
	// Ports are those of 127.0.0.1 that the listeners of sites' own upstreams may have:
	// 21000-21999 unless it is set.
	Ports deploy.PortRange
	// Logger gets one line when Nginx was reloaded; slog.Default unless it is set.
	Logger *slog.Logger
}

// Proxy is the real Nginx as a reconciler.Router, Backup, ProxyProber and AccessLog. It
// may be used by several goroutines, one an app.
type Proxy struct {
	dir       string
	mode      string
	container Container // nil when Nginx runs on this host
	confirm   string
	ports     deploy.PortRange
	endpoint  func(context.Context, deploy.App, deploy.Route, deploy.Color) (deploy.Endpoint, error)
	log       *slog.Logger

	command []string
	client  *http.Client // one fresh connection a request, so that any worker may answer
	prober  *http.Client // the same for probes, which have a limit of their own

	// loading is held from the first changed file until Nginx runs with it:
	// `nginx -t` tests the files of all apps, and a failure must be put down to
	// the app whose files are new. That lasts up to loadTimeout; whoever waits for it
	// stops when their context ends.
	loading *semaphore.Weighted
	waiting waiting
	nginx   version                // guarded by loading; zero until it was asked
	sites   map[string]bool        // guarded by loading; the apps whose includes were looked for, and whether they are there
	awaited map[string]awaitedSite // guarded by loading; the apps that wait for their site
	last    testResult             // guarded by loading

	included map[string]bool // guarded by loading; the files with an upstream that a site was seen to include
	chosen   map[string]int  // guarded by loading; the ports of listeners that this process chose, by app and route

	noMinTimeout bool // guarded by loading; a person's configuration has minTimeout, or Nginx does not know it

	oldWorkers oldWorkers

	noBackup atomic.Bool // the last diff found that there can be no backup

	own   writtenFiles
	watch watchers
	meter *accesslog.Meter
}

// New checks the options. It neither writes nor runs anything.
func New(o Options) (*Proxy, error) {
	o.Switch = orDefault(o.Switch, SwitchFlip)
	o.Command = orDefault(o.Command, "nginx")
	o.Confirm = orDefault(o.Confirm, "127.0.0.1:8485")
	if o.Ports == (deploy.PortRange{}) {
		o.Ports = deploy.PortRange{First: 21000, Last: 21999}
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	command, err := shlex.Split(o.Command)
	switch {
	case err != nil:
		return nil, fmt.Errorf("nginx.command: split %q: %w", o.Command, err)
	case len(command) == 0:
		return nil, fmt.Errorf("nginx.command: %q names no program", o.Command)
	case !slices.Contains([]string{SwitchFlip, SwitchReload}, o.Switch):
		return nil, fmt.Errorf("nginx.switch: want flip or reload, got %q", o.Switch)
	case !safeDir.MatchString(o.Dir):
		return nil, fmt.Errorf("nginx.dir: want an absolute path of letters, digits and ._/+@:,=~-, got %q", o.Dir)
	}
	if err := checkConfirm(o.Confirm); err != nil {
		return nil, fmt.Errorf("nginx.confirm: %w", err)
	}
	if err := o.Ports.Check(); err != nil {
		return nil, fmt.Errorf("docker.ports: %w", err)
	}
	p := &Proxy{
		dir: filepath.Clean(o.Dir), mode: o.Switch, container: o.Container, confirm: o.Confirm, ports: o.Ports,
		endpoint: o.Endpoint, log: o.Logger, command: command,
		client:  &http.Client{Timeout: askTimeout, Transport: &http.Transport{DisableKeepAlives: true}},
		prober:  httpclient.ThisHost(),
		meter:   accesslog.NewMeter(o.Logger),
		loading: semaphore.NewWeighted(1),
		sites:   map[string]bool{},
		awaited: map[string]awaitedSite{},

		included: map[string]bool{},
		chosen:   map[string]int{},
	}
	p.noBackup.Store(o.Container != nil)
	return p, nil
}

func orDefault(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}

// checkConfirm keeps the confirm server off the network: it would tell anybody
// what is deployed.
func checkConfirm(address string) error {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return err
	}
	if n, err := strconv.Atoi(port); err != nil || n < 1 || n > 65535 {
		return fmt.Errorf("want a port from 1 to 65535, got %q", port)
	}
	if ip := net.ParseIP(host); ip == nil || !ip.IsLoopback() {
		return fmt.Errorf("want a loopback address like 127.0.0.1:8485, got %q", address)
	}
	return nil
}

// Settling times. Each bounds a wait; none is slept through.
const (
	askTimeout     = 2 * time.Second  // one question to the confirm server
	confirmTimeout = 5 * time.Second  // Confirm, when its context has no deadline
	loadTimeout    = 20 * time.Second // test, reload, and the workers that follow
	pollEvery      = 5 * time.Millisecond
)
