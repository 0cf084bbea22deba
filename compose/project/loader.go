package project

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"

	"tandem/compose/policy"
	"tandem/compose/project/composefile"
	"tandem/reconciler/deploy"
)

// LoaderOptions say what a repository may ask of this host, and how its files are read.
type LoaderOptions struct {
	Host   string       // of the Docker daemon, whose socket no container may have; empty: DefaultHost
	Policy []string     // the host's policy.allow: see policy.Names
	Logger *slog.Logger // nil: nothing is logged
	Vault  Vault        // nil: an app that has encrypted files is refused
	Trial  []string     // arguments with which this very program calls RunTrial; empty: files are loaded without having been tried
	Data   string       // directory with the data directories of the apps; empty: policy.DefaultData
	Owns   Owns         // nil: the engine is not asked, and what only its labels allow is a fault

	AppsDir string // directory with the host directories of the apps; empty: no app has one
	HostKey string // file with the key of what is in them
	// Elsewhere says that the apps may run on another machine: what its host directory may
	// have is a note here, unless this machine has the directory.
	Elsewhere bool
}

// Owns tells whether the engine has the network or volume, and it is set aside for the app
// with the label LabelApp.
type Owns func(ctx context.Context, app deploy.App, r Resource) (bool, error)

// Loader reads the Compose files of apps. It is safe for concurrent use.
type Loader struct {
	host        policy.Host
	log         *slog.Logger
	vault       Vault
	owns        Owns
	trials      *trials
	appsDir     string
	elsewhere   bool
	hostKeyFile string
	trying      bool // this process is a trial, after which the files are read once more
}

// NewLoader returns a loader. A name in Policy that means nothing is an error.
func NewLoader(o LoaderOptions) (*Loader, error) {
	host, err := policy.NewHost(o.Host, o.Data, o.Policy)
	if err != nil {
		return nil, fmt.Errorf("read policy.allow: %w", err)
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return &Loader{host: host.WithApps(cmp.Or(o.AppsDir, DefaultAppsDir)), log: o.Logger, vault: o.Vault, owns: o.Owns, appsDir: o.AppsDir, elsewhere: o.Elsewhere, hostKeyFile: o.HostKey, trials: newTrials(o)}, nil
}

// Resolve reads the Compose files under app.Root and returns the release. A
// file that cannot be run blue/green, or that asks for more of this host than
// its policy allows, is deploy.Faults: all of them at once.
func (l *Loader) Resolve(ctx context.Context, app deploy.App) (deploy.Release, error) {
	r, err := l.Load(ctx, app)
	if err != nil {
		return deploy.Release{}, err
	}
	return r.Release, nil
}

// Load reads the Compose files as Resolve does, and returns all that was made of them.
func (l *Loader) Load(ctx context.Context, app deploy.App) (*Resolution, error) {
	secrets, err := l.OpenSecrets(ctx, app)
	if err != nil {
		return nil, err
	}
	leave, err := l.tryOut(ctx, app, secrets)
	if err != nil {
		return nil, err
	}
	defer leave()
	return l.load(ctx, app, secrets)
}

// load loads and projects the app's files. It is the whole of what a trial does, too.
func (l *Loader) load(ctx context.Context, app deploy.App, secrets composefile.SecretRefs) (*Resolution, error) {
	unset := l.newUnset(app, l.namesHere(app))
	r, err := l.loadFiles(ctx, app, secrets.ForLoad(unset, l.opener()), unset)
	return withUnset(r, err, unset)
}

// loadFiles makes of the files what is run. What comes of a variable without a value is left
// out of the faults: unset has what is to be told of it.
func (l *Loader) loadFiles(ctx context.Context, app deploy.App, secrets composefile.SecretRefs, unset *composefile.Unset) (*Resolution, error) {
	r := &Resolution{secrets: secrets}
	stack, err := composefile.OpenStack(app, secrets)
	if err != nil {
		return nil, err
	}
	if r.Colored, err = resolveColors(ctx, stack); err != nil {
		return nil, err
	}
	shared, err := r.loadShared(ctx, app)
	if _, refused := deploy.AsFaults(err); err != nil && !refused {
		return nil, err
	}
	r.stackFile, r.sharedFile = stack, shared
	grave, more := r.budgetFaults(stack, shared)
	if len(grave) > 0 {
		return nil, WithFaults(grave, err)
	}
	projected, failed := r.project(ctx, app, stack, l.host)
	if failed != nil {
		return nil, failed
	}
	if r.Shared != nil && shared == nil {
		shared, r.sharedFile = stack, stack
	}
	projected = append(projected, r.takeBuilds(app)...)
	if err != nil {
		return nil, WithFaults(append(projected, check(stack, r.Colored, l.rules(nil))...), err)
	}
	free, err := l.freeOf(ctx, app, r.Shared, r.Colored[deploy.Blue], r.Colored[deploy.Green], r.Shared)
	if err != nil {
		return nil, err
	}
	faults := composefile.SortFaults(append(projected, check(stack, r.Colored, l.rules(free))...))
	if shared != nil {
		faults = append(faults, checkShared(shared, r.Shared, l.rules(free))...)
	}
	faults = append(faults, composefile.SortFaults(append(r.dataFaults(app), r.nestedData(l.host, app)...))...)
	if err := unset.Plausible(append(faults, onNewLines(faults, more)...)).Err(); err != nil {
		return nil, err
	}
	for color, p := range r.Colored {
		if err := finalize(stack, p); err != nil {
			return nil, err
		}
		r.Colored[color] = p
	}
	if r.Shared != nil {
		if err := finalize(shared, r.Shared); err != nil {
			return nil, err
		}
	}
	// Once more: the files with variables and labels count as well.
	if grave, _ := r.budgetFaults(stack, shared); len(grave) > 0 {
		return nil, grave
	}
	if err := r.splitMigrations(app); err != nil {
		return nil, err
	}
	if err := r.hash(ctx, app); err != nil {
		var much tooMuch
		if errors.As(err, &much) {
			return nil, deploy.Faults{{File: stack.Name(), Text: err.Error()}}
		}
		return nil, err
	}
	return r, nil
}

// Host is what this host allows.
func (l *Loader) Host() policy.Host { return l.host }

// rules are those of the host, with what the engine says besides.
func (l *Loader) rules(free map[Resource]bool) hostRules {
	return hostRules{Host: l.host, free: free}
}

// freeOf lists what the app's files may use without a word in the policy: what its
// shared stack makes, and what carries the app's label. The engine is asked only about
// what nothing else allows, so that most files are read without it.
func (l *Loader) freeOf(ctx context.Context, app deploy.App, shared *types.Project, users ...*types.Project) (map[Resource]bool, error) {
	if l.trying {
		return nil, nil
	}
	free := map[Resource]bool{}
	if shared != nil {
		for _, n := range shared.Networks {
			free[Resource{"network", n.Name}] = !bool(n.External)
		}
		for _, v := range shared.Volumes {
			free[Resource{"volume", v.Name}] = !bool(v.External)
		}
	}
	for _, x := range externalsOf(users) {
		known := free[x] || l.host.Policy.AllowsExternal(x.Name) || strings.HasPrefix(x.Name, app.SharedProject()+"_") || !policy.IsName(x.Name)
		if known || l.owns == nil {
			continue
		}
		owns, err := l.owns(ctx, app, x)
		if err != nil {
			return nil, err
		}
		free[x] = owns
	}
	return free, nil
}

// Vault opens the encrypted files of apps.
type Vault interface {
	// Open returns the variables in the files that app.Secrets names. What is wrong
	// with the files, or with the key, is deploy.Faults without any value.
	Open(ctx context.Context, app deploy.App) ([]deploy.Secret, error)
	// HideCut returns the text without the values that Open has ever returned, also
	// where the beginning of the text was cut off in the middle of one.
	HideCut(text string) string
	// Add makes it know one more value.
	Add(name, value string)
}
