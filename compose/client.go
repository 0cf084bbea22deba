package compose

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/docker/cli/cli/command"
	"github.com/docker/cli/cli/config"
	"github.com/docker/cli/cli/config/configfile"
	"github.com/docker/cli/cli/streams"
	"github.com/docker/compose/v5/pkg/api"
	sdk "github.com/docker/compose/v5/pkg/compose"
	"github.com/docker/docker/client"
	moby "github.com/moby/moby/client"
	"github.com/sirupsen/logrus"
	"golang.org/x/sync/semaphore"

	"tandem/compose/guard"
	"tandem/compose/policy"
	"tandem/compose/project"
	"tandem/reconciler/deploy"
)

// Options says which Docker to use and what the repository may ask of it.
type Options struct {
	Host      string        // of the Docker daemon; empty: DefaultHost
	Policy    []string      // the host's policy.allow: see policy.Names
	Logger    *slog.Logger  // nil: nothing is logged
	ConfigDir string        // Docker's own configuration; empty: the user's
	Vault     project.Vault // nil: an app that has encrypted files is refused
	Trees     string        // directory of this host with the files of all releases, in a directory for each app; empty: only those of the release in hand are known
	Data      string        // directory with the data directories of the apps; empty: policy.DefaultData
	Apps      string        // directory with the host directories of the apps; empty: no app has one
	HostKey   string        // file with the key of what is in them
	Trial     []string      // arguments with which this very program calls project.RunTrial; empty: files are loaded without having been tried
	MinFree   int64         // bytes that the disk of a local Docker must have to spare before an image is pulled; 0: whatever it has
}

// Client speaks to one Docker daemon. It is safe for concurrent use; two calls
// that change the same stack at once are the caller's mistake.
type Client struct {
	engine         *client.Client
	version        *negotiation
	sdkEngine      *moby.Client
	host           string
	policy         policy.Policy
	configDir      string
	log            *slog.Logger
	minFree        int64
	trees          string
	vault          project.Vault
	files          *project.Loader
	hookTime       time.Duration // see preStopTime
	migrationTurns sync.Map      // app -> chan struct{}: see turn
	buildTime      time.Duration // see buildTime
	builds         *semaphore.Weighted
	cachePruned    sync.Map // app -> time.Time
	lost           atomic.Int64

	listenersLock sync.Mutex
	listeners     map[string]listeners // by app
}

// New returns a client, and asks Docker nothing. A daemon that is away shows in the
// first call. A name in Policy that means nothing is an error.
func New(o Options) (*Client, error) {
	if o.Host == "" {
		o.Host = policy.DefaultHost
	}
	if o.ConfigDir == "" {
		o.ConfigDir = config.Dir()
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	c := &Client{}
	files, err := project.NewLoader(project.LoaderOptions{Host: o.Host, Policy: o.Policy, Logger: o.Logger, Vault: o.Vault, Data: o.Data, AppsDir: o.Apps, HostKey: o.HostKey, Trial: o.Trial, Owns: c.owns})
	if err != nil {
		return nil, err
	}
	engine, err := client.NewClientWithOpts(client.WithHost(o.Host), client.WithAPIVersionNegotiation())
	if err != nil {
		return nil, fmt.Errorf("set up the client for %s: %w", o.Host, err)
	}
	sdkEngine, err := moby.New(moby.WithHost(o.Host))
	if err != nil {
		return nil, errors.Join(fmt.Errorf("set up the Compose client for %s: %w", o.Host, err), engine.Close())
	}
	// The SDK warns through logrus's global logger, which writes to stderr; what
	// matters of it comes back as an error.
	logrus.SetOutput(io.Discard)
	c.engine, c.version, c.sdkEngine, c.host = engine, newNegotiation(), sdkEngine, o.Host
	c.files, c.policy, c.log, c.vault = files, files.Host().Policy, o.Logger, o.Vault
	c.configDir, c.minFree, c.trees, c.hookTime = o.ConfigDir, o.MinFree, o.Trees, preStopTime
	c.listeners = map[string]listeners{}
	c.buildTime, c.builds = buildTime, semaphore.NewWeighted(buildsAtATime)
	return c, nil
}

// Negotiate agrees on which version of the API is spoken, before others use the engine
// as well. Where Docker does not answer at once, the first call does it.
func (c *Client) Negotiate(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, pingTimeout)
	defer cancel()
	if err := c.ready(ctx); err != nil {
		c.log.Debug("Docker does not answer yet", "err", err)
	}
}

// Close releases the connections. The client must not be used afterwards.
func (c *Client) Close() error {
	return errors.Join(c.engine.Close(), c.sdkEngine.Close())
}

// service returns the Compose SDK, for containers of one project of the app, with
// Docker's configuration as it is now.
func (c *Client) service(ctx context.Context, app deploy.App, projectName string) (api.Compose, error) {
	if err := c.ready(ctx); err != nil {
		return nil, err
	}
	cli, err := c.dockerCLI(c.guarded(app, projectName))
	if err != nil {
		return nil, err
	}
	s, err := sdk.NewComposeService(cli, sdk.WithPrompt(neverRecreateVolumes))
	if err != nil {
		return nil, fmt.Errorf("set up the Compose SDK: %w", err)
	}
	return s, nil
}

// guarded returns the engine for making and starting containers of one of the app's
// projects.
func (c *Client) guarded(app deploy.App, projectName string) *guard.Engine {
	var roots []string
	if c.trees != "" && app.Name != "" {
		roots = append(roots, filepath.Join(c.trees, app.Name))
	}
	hooks := guard.Hooks{
		Log: c.log, Time: c.hookTime, Exec: c.exec,
		Output: func() guard.Output { return &tail{max: maxHealthOutput, hide: c.hide} },
	}
	return guard.New(c.sdkEngine, c.files.Host(), hooks, app, projectName, roots...)
}

// preStopTime is how long the pre_stop hooks of one container may take, where its
// stop_grace_period is not longer: a hook that never ends must not keep a stack from being
// stopped.
const preStopTime = time.Minute

// neverRecreateVolumes answers the only question the SDK asks: whether a volume
// whose declaration changed may be removed, with its data.
func neverRecreateVolumes(string, bool) (bool, error) { return false, nil }

// dockerCLI is the part of Docker's command line that the Compose SDK wants: a
// connection, a configuration and streams. It is not initialised the usual way,
// which would read the agent's environment (DOCKER_HOST, DOCKER_CONTEXT) and
// write to its terminal.
type dockerCLI struct {
	command.Cli
	engine *guard.Engine
	config *configfile.ConfigFile
}

func (c *Client) dockerCLI(engine *guard.Engine) (*dockerCLI, error) {
	base, err := command.NewDockerCli(
		command.WithAPIClient(engine),
		command.WithInputStream(io.NopCloser(strings.NewReader(""))),
		command.WithOutputStream(io.Discard),
		command.WithErrorStream(io.Discard),
	)
	if err != nil {
		return nil, fmt.Errorf("set up the Docker CLI: %w", err)
	}
	file, err := c.dockerConfig()
	if err != nil {
		return nil, err
	}
	return &dockerCLI{Cli: base, engine: engine, config: file}, nil
}

// dockerConfig reads Docker's config.json anew: credentials in it expire and
// are replaced while the agent runs.
func (c *Client) dockerConfig() (*configfile.ConfigFile, error) {
	file, err := config.Load(c.configDir)
	if err != nil {
		return nil, fmt.Errorf("read Docker's configuration in %s: %w", c.configDir, err)
	}
	return file, nil
}

func (c *dockerCLI) Client() moby.APIClient             { return c.engine }
func (c *dockerCLI) ConfigFile() *configfile.ConfigFile { return c.config }
func (c *dockerCLI) CurrentContext() string             { return "default" }
func (c *dockerCLI) In() *streams.In                    { return c.Cli.In() }
