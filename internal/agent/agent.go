package agent

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/semaphore"

	"tandem/compose"
	"tandem/internal/api"
	"tandem/internal/config"
	"tandem/internal/forge"
	"tandem/internal/lib/verify"
	"tandem/internal/metrics"
	"tandem/internal/notify"
	"tandem/internal/probe"
	"tandem/internal/secrets"
	"tandem/internal/validate"
	"tandem/nginx"
	"tandem/reconciler"
	"tandem/reconciler/appfile"
	"tandem/reconciler/deploy"
	"tandem/source"
)

// atOnce is how many apps read their files or ask Docker at the same time. On a few
// processors more would not be faster.
const atOnce = 8

// Agent is the whole of tandem on one host.
type Agent struct {
	cfg  config.Config
	log  *slog.Logger
	host string

	source *source.Repo
	vault  *secrets.Vault
	stacks *compose.Client
	hosts  hostFiles
	proxy  *nginx.Proxy
	prober *probe.Prober
	slots  *semaphore.Weighted
	random *rand.Rand // for the jitter of the poll, used by that alone

	listeners []listener
	publisher *publisher
	notifier  *notify.Notifier
	forge     *forge.Poster // nil: no commit statuses
	metrics   *metrics.Metrics
	owned     *owned
	apps      *apps
	ports     *portAllocator
	poll      *poll
	drift     *drift
	server    *api.Server

	pruning sync.Mutex
	mu      sync.Mutex
	cancel  context.CancelFunc
	stopped chan struct{} // closed when Run has returned
}

// New wires an agent from a valid configuration. It connects to nothing and
// changes nothing; the error says which part could not be set up.
func New(cfg config.Config, log *slog.Logger) (*Agent, error) {
	host, err := os.Hostname()
	if err != nil {
		return nil, fmt.Errorf("ask for this machine's name: %w", err)
	}
	vault := secrets.New(cfg.Secrets.AgeKeyFile)
	log = slog.New(vault.Handler(log.Handler()))
	a := &Agent{cfg: cfg, log: log, host: host, vault: vault, prober: probe.New(), slots: semaphore.NewWeighted(atOnce), random: rand.New(rand.NewPCG(rand.Uint64(), rand.Uint64())), stopped: make(chan struct{})}
	a.hosts = hostFiles{dir: cfg.Apps, key: filepath.Join(cfg.State, "host.key"), log: log, polled: map[string]string{}}
	if a.source, err = newSource(cfg, host, log); err != nil {
		return nil, fmt.Errorf("set up the repository: %w", err)
	}
	a.stacks, err = compose.New(compose.Options{
		Host: cfg.Docker.Host, Policy: cfg.Policy.Allow, MinFree: cfg.Docker.MinFree, Trees: filepath.Join(cfg.State, "trees"),
		Data: filepath.Join(cfg.State, "data"), Apps: cfg.Apps, HostKey: a.hosts.key, Vault: vault, Trial: []string{validate.TrialCommand}, Logger: log.With("part", "compose"),
	})
	if err != nil {
		return nil, fmt.Errorf("set up docker: %w", err)
	}
	if a.proxy, err = newProxy(cfg, a.stacks, log); err != nil {
		return nil, errors.Join(fmt.Errorf("set up nginx: %w", err), a.stacks.Close())
	}
	schedule, err := source.ParseSchedule(cfg.Repo.Poll.String())
	if err != nil {
		return nil, errors.Join(fmt.Errorf("set up the poll: %w", err), a.stacks.Close())
	}
	a.poll = newPoll(a.source, func(now time.Time, failures int) time.Time { return schedule.Next(now, failures, a.random) }, log)
	a.metrics = metrics.New()
	a.publisher = newPublisher(a.source, a.statusPath, a.metrics.Published, log)
	a.notifier = notify.New(notify.Options{File: cfg.Notify.URLsFile, State: cfg.State, Host: host, Counted: a.metrics.Notified, Log: log.With("part", "notify")})
	a.listeners = []listener{newEventLog(log), a.publisher, a.metrics, a.notifier, a.poll}
	if kind := cfg.ForgeKind(); kind != config.ForgeNone {
		if a.forge, err = newForge(cfg, kind, host, log); err != nil {
			return nil, errors.Join(err, a.stacks.Close())
		}
		a.listeners = append(a.listeners, a.forge)
	}
	a.owned = newOwned(owner{Repo: cfg.Repo.URL.String(), Branch: cfg.Repo.Branch, State: filepath.Clean(cfg.State)})
	a.apps = newApps(a.newRunner, a.forget, log)
	a.ports = &portAllocator{
		file: portsFile(cfg.State), from: cfg.Docker.Ports, own: cfg.OwnPorts(), found: a.stacks.ChosenPorts, holders: a.holders().Holders,
		named: a.apps.namedPorts, inGit: a.apps.has, log: log, turn: semaphore.NewWeighted(1),
	}
	a.apps.chosen = a.ports.Conflicts
	a.apps.own, a.apps.restoreOrigin, a.apps.seen = cfg.OwnPorts(), func() []remembered { return readOrigin(cfg.State) }, a.liveTree
	a.drift = &drift{live: a.proxy.Live, wake: a.apps.wake, lastLogged: map[string]string{}}
	a.server = api.NewServer(api.Options{Listen: cfg.Listen, Control: control{a}, TokenFile: cfg.API.TokenFile, SecretFile: cfg.Repo.Webhook.SecretFile, Metrics: a.metrics.Handler(), Log: log})
	return a, nil
}

func newSource(cfg config.Config, host string, log *slog.Logger) (*source.Repo, error) {
	return source.New(source.Options{
		URL: cfg.Repo.URL.Raw(), Branch: cfg.Repo.Branch, Apps: cfg.Repo.Apps,
		CacheDir:     filepath.Join(cfg.State, "git"),
		Auth:         sourceAuth(cfg),
		StatusBranch: cfg.Status.Branch,
		StatusPaths:  func(f deploy.AppFile) []string { return statusGlobs(cfg.Status.Path, f) },
		Verify:       verify.Files{SSHAllowedSigners: cfg.Repo.Verify.SSHAllowedSigners, PGPKeyring: cfg.Repo.Verify.PGPKeyring},
		Record:       filepath.Join(cfg.State, "verified.json"),
		Author:       source.Author{Name: "tandem", Email: "tandem@" + host},
		Logger:       log.With("part", "source"),
	})
}

func newForge(cfg config.Config, kind, host string, log *slog.Logger) (*forge.Poster, error) {
	return forge.New(forge.Options{
		Kind: kind, API: cfg.Forge.URL, Repo: cfg.Repo.URL.Raw(), TokenFile: cfg.Forge.TokenFile,
		Host: host, Log: log.With("part", "forge"),
	})
}

func sourceAuth(cfg config.Config) source.Auth {
	a := cfg.Repo.Auth
	return source.Auth{SSHKey: a.SSHKey, KnownHosts: a.KnownHosts, Username: a.Username, TokenFile: a.TokenFile}
}

// statusGlobs are the paths at which some host may publish the status of the
// app: they are no part of what is desired.
func statusGlobs(pattern string, f deploy.AppFile) []string {
	names := []string{filepath.Base(f.Dir)}
	app, _ := appfile.ParseApp(f) // a file with faults may still tell its name, and is refused elsewhere
	if app.Name != "" {
		names = append(names, app.Name)
	}
	var globs []string
	for _, name := range names {
		globs = append(globs, config.Status{Path: pattern}.File(name, "*"))
	}
	return globs
}

func newProxy(cfg config.Config, stacks *compose.Client, log *slog.Logger) (*nginx.Proxy, error) {
	o := nginx.Options{
		Dir: cfg.Nginx.Dir, Switch: cfg.Nginx.Switch, Command: cfg.Nginx.Command,
		Confirm: cfg.Nginx.Confirm, Endpoint: stacks.Endpoint, Ports: cfg.Docker.Ports,
		Logger: log.With("part", "nginx"),
	}
	if cfg.Nginx.Container != "" {
		o.Container = stacks.Container(cfg.Nginx.Container)
	}
	return nginx.New(o)
}

// statusPath is where the status of an app is published in the repository.
func (a *Agent) statusPath(app string) string { return a.cfg.Status.File(app, a.host) }

func (a *Agent) holders() holders { return holders{a.stacks.Publishers, "/proc", a.apps.has} }

// options are the parts of a Runner that are the same for all.
func (a *Agent) options(name string, memory deploy.Memory) reconciler.Options {
	a.primeRedactor(name)
	stacks := ownStacks{redactingStacks{a.stacks, a.vault.Redactor}, a.owned}
	return reconciler.Options{
		Name: name, Host: a.host, Trees: filepath.Join(a.cfg.State, "trees"),
		Source: a.source, Reverter: a.source, HostFiles: a.hosts,
		Resolver: stacks, Stacks: stacks, Examiner: stacks, Singletons: stacks, Migrator: stacks, Shared: stacks, StatsReader: stacks,
		Pruner: stacks, InUse: func(i deploy.Image) bool { return a.apps.need(name, i) },
		Ports: a.ports, Holders: a.holders(), Router: a.proxy, Backup: a.proxy, ProxyProber: a.proxy, AccessLog: a.proxy, DirectProber: a.prober,
		Slots: a.slots, Memory: memory, Save: saveMemory(a.cfg.State, name), Emit: a.emit,
		Now: time.Now, Clock: readClock,
	}
}

func (a *Agent) newRunner(name string) *reconciler.Runner {
	memory, err := takeMemory(a.cfg.State, name)
	if err != nil {
		a.log.Warn("memory not readable; put aside, and begun anew", "app", name, "err", err)
	}
	return reconciler.NewRunner(a.options(name, memory))
}

// prune removes exported files that no stack of the app needs any more. One app comes
// after the other: a commit may change hundreds.
func (a *Agent) prune(app string) {
	a.pruning.Lock()
	defer a.pruning.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	r, ok := a.apps.find(app)
	if !ok {
		return
	}
	if err := pruneTrees(ctx, filepath.Join(a.cfg.State, "trees", app), r.Roots(), a.stacks.Roots); err != nil {
		a.log.Debug("exported files not pruned", "app", app, "err", err)
	}
}

// Run works until ctx ends, and returns nil then. It returns an error at once
// when the agent cannot work at all: another one holds the state directory or
// nginx.dir (an *OwnedError), or the address to listen on is taken.
func (a *Agent) Run(ctx context.Context) error {
	unlock, err := a.locks()
	if err != nil {
		return err
	}
	defer unlock()
	ctx, cancel := context.WithCancel(ctx)
	a.mu.Lock()
	a.cancel = cancel
	a.mu.Unlock()
	defer close(a.stopped)
	defer cancel()
	if err := a.server.Start(ctx); err != nil {
		return err
	}
	a.stacks.Negotiate(ctx)
	a.log.Info("tandem runs", "repo", a.cfg.Repo.URL.String(), "branch", a.cfg.Repo.Branch, "nginx", a.cfg.Nginx.Dir, "switch", a.cfg.Nginx.Switch)
	var background sync.WaitGroup
	background.Go(func() { a.publisher.run(ctx) })
	background.Go(func() { a.notifier.Run(ctx) })
	if a.forge != nil {
		background.Go(func() { a.forge.Run(ctx) })
	}
	if err := a.listen(ctx, &background); err != nil {
		cancel()
		background.Wait()
		return errors.Join(err, a.stopServer())
	}
	a.poll.offer = func(rev deploy.Revision) {
		a.apps.offer(ctx, rev)
		a.giveUp(func(app string) bool { _, wanted := a.apps.find(app); return wanted })
	}
	a.poll.after = func() {
		a.metrics.Polled(a.poll.lastError())
		a.metrics.Withheld(a.poll.withholds())
		a.drift.check(ctx, a.apps.named())
		for _, app := range a.apps.named() {
			if a.hosts.changed(ctx, app) {
				a.apps.wake(app)
			}
		}
	}
	// Reading files and deploying needs memory that looking does not, and nobody else
	// would return it to the machine for minutes.
	a.poll.idle = debug.FreeOSMemory
	a.poll.run(ctx)
	a.apps.wait()
	err = a.stopServer()
	background.Wait()
	a.log.Info("tandem stopped; what is live stays live")
	return errors.Join(err, a.stacks.Close())
}

// giveUp lets other agents have the apps that are not wanted any more.
func (a *Agent) giveUp(wanted func(app string) bool) {
	if err := a.owned.keep(wanted); err != nil {
		a.log.Warn("an app that left the repository is not free for another agent yet", "err", err)
	}
}

func (a *Agent) stopServer() error {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	return a.server.Stop(ctx)
}

// listen starts what wakes the loop: Docker's events, changes of the generated
// files, and changes of a repository on this machine.
func (a *Agent) listen(ctx context.Context, background *sync.WaitGroup) error {
	files, err := a.proxy.Watch(ctx)
	if err != nil {
		return fmt.Errorf("watch %s: %w", a.cfg.Nginx.Dir, err)
	}
	pushes, err := a.source.Watch(ctx)
	if err != nil {
		return fmt.Errorf("watch the repository: %w", err)
	}
	own, err := a.hosts.watch(ctx)
	if err != nil {
		return err
	}
	containers := a.stacks.Events(ctx)
	background.Go(func() {
		for {
			select {
			case <-ctx.Done():
				return
			case app := <-files:
				a.apps.wake(app)
			case app := <-containers:
				a.apps.wake(app)
			case app := <-own:
				a.apps.wake(app)
			case <-pushes:
				control{a}.Wake()
			}
		}
	})
	return nil
}

// Stop ends Run and waits until it has returned or ctx ends. A step that must
// not be cut short, such as a flip, is finished first. It may be called twice.
func (a *Agent) Stop(ctx context.Context) error {
	a.mu.Lock()
	cancel := a.cancel
	a.mu.Unlock()
	if cancel == nil {
		return nil
	}
	cancel()
	select {
	case <-a.stopped:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("stop the agent: %w", ctx.Err())
	}
}

// notifyTime bounds how long the end of a single pass waits for receivers of
// notifications; what they have not had by then, the next pass tells.
const notifyTime = 20 * time.Second

// SetBuildInfo says which build this is, for the metrics.
func (a *Agent) SetBuildInfo(version, commit string) { a.metrics.SetBuildInfo(version, commit) }

// Once does one pass over all apps, publishes their statuses and returns them,
// sorted by app.
func (a *Agent) Once(ctx context.Context) ([]deploy.Status, error) {
	unlock, err := a.locks()
	if err != nil {
		return nil, err
	}
	defer unlock()
	rev, err := a.source.Poll(ctx)
	if err != nil {
		return nil, err
	}
	var out []deploy.Status
	desired := a.apps.read(rev)
	a.giveUp(func(app string) bool { _, wanted := desired[app]; return wanted })
	for _, name := range slices.Sorted(maps.Keys(desired)) {
		r := a.newRunner(name)
		r.Offer(desired[name])
		if s := r.Once(ctx); s != nil {
			out = append(out, *s)
		}
	}
	err = a.publisher.flush(ctx)
	told, cancel := context.WithTimeout(ctx, notifyTime)
	defer cancel()
	a.notifier.Flush(told)
	return out, errors.Join(err, ctx.Err())
}
