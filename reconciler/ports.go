package reconciler

import (
	"context"
	"time"

	"tandem/reconciler/deploy"
)

// This file holds what the heart needs from the world, one small interface a
// concern. All methods may be called again after an error, stop when their
// context ends (returning its error), and change nothing once it has ended,
// unless they say otherwise.

// Poller tells what is desired.
type Poller interface {
	// Poll asks the remote for the watched branch and returns it. It fetches
	// only when the branch moved. A commit that is not verified, where it has to be,
	// changes nothing but Revision.Withheld. The error says who refused what; it
	// never holds a credential.
	Poll(ctx context.Context) (deploy.Revision, error)
}

// Exporter hands out the files of a commit.
type Exporter interface {
	// Export writes the files of dir as of commit, which Poll has returned once, into
	// dest, which it creates;
	// nothing is left half written when it fails. A dest that is there already is what
	// an earlier Export made, and is left alone.
	Export(ctx context.Context, commit, dir, dest string) error
}

// HostFiles are the files that this host has for an app beside those from git.
type HostFiles interface {
	// Version is another one when they change, and tells nothing of them; "" where there
	// are none. What is wrong with them is Faults.
	Version(ctx context.Context, app string) (string, error)
	// Lay lays them over the files at root, whose name ends with overlay.Suffix of the
	// version. Files that have them already are left alone.
	Lay(ctx context.Context, app, version, root string) error
}

// Publisher takes the status.
type Publisher interface {
	// Publish commits the files (path in the repository -> content) to the
	// status branch, on top of whatever is there, and pushes. Unchanged content
	// makes no commit.
	Publish(ctx context.Context, message string, files map[string][]byte) error
}

// PortAllocator gives the routes of an app ports where its file names none.
type PortAllocator interface {
	// Allocate returns app with ports for every route. What it chooses is nobody else's, is
	// kept, and is the same from then on. There being none left is Faults.
	Allocate(ctx context.Context, app deploy.App) (deploy.App, error)
	// Allocated returns app with what was chosen for it until now, and chooses nothing.
	// complete tells whether each route has its ports then.
	Allocated(app deploy.App) (_ deploy.App, complete bool)
	// Reallocate takes ports back from the app, so that Allocate chooses others for them.
	Reallocate(ctx context.Context, app string, ports []int) error
}

// Resolver turns a parsed App into exactly what is to run.
type Resolver interface {
	// Resolve reads the Compose files under app.Root and returns the release.
	// A file that cannot be run blue/green (a fixed port, a container_name, a
	// named volume, …) is Faults.
	Resolve(ctx context.Context, app deploy.App) (deploy.Release, error)
}

// Stacks acts on and observes the two stacks of an app.
type Stacks interface {
	// Observe returns the stacks as the engine has them, blue first. It reads
	// labels only, so it also works for an app whose files are gone.
	Observe(ctx context.Context, app deploy.App) ([2]deploy.Stack, error)
	// Up makes the stack of one color run app.Release: shared stack, pull,
	// create, start. It does not wait for the stack's own health. Where the stack has that
	// release already, only what is dead or missing is touched, and what may lack a hook
	// because an earlier Up did not end well. A release that cannot run here is a
	// *RejectError; a shared service that it waits for and that fails is none. How may be nil.
	// Commit and Root stay those that the containers were made for.
	Up(ctx context.Context, app deploy.App, color deploy.Color, how *deploy.Start) error
	// LookForImages asks whether the images of app.Release, of its stacks and its
	// migrations, can be had. It pulls nothing. One that does not exist is a
	// *RejectError with Reason ImageNotFound.
	LookForImages(ctx context.Context, app deploy.App) error
	// Stop stops the stack's containers with Compose's grace period and keeps
	// them. Stopping a stopped stack is no error.
	Stop(ctx context.Context, app deploy.App, color deploy.Color) error
}

// SharedServices are the services that exist once, beside both colors. A new release brings
// them up with it; this is for a commit that changes nothing else.
type SharedServices interface {
	// SharedDue tells whether one of them is not what the app's files say. It changes nothing.
	SharedDue(ctx context.Context, app deploy.App) (bool, error)
	// UpShared makes them so, and waits until they are ready, of which await is told once.
	// What is wrong with one of them is never a *RejectError: it is no release's.
	UpShared(ctx context.Context, app deploy.App, await func(words string)) error
}

// Examiner looks into single containers on behalf of the gate and the watch.
type Examiner interface {
	// Health runs the container's own health command in it. nil is healthy; the
	// error holds the command's exit code and the end of its output.
	Health(ctx context.Context, c deploy.Container) error
	// Logs returns the last n lines that the container wrote, without control
	// characters that would change a terminal.
	Logs(ctx context.Context, c deploy.Container, n int) (string, error)
}

// DirectProber asks one route of one color once, directly and not through Nginx.
type DirectProber interface {
	// Probe never returns later than the route's MaxLatency plus a small margin. Who
	// wants to see a late answer gives it a route with more.
	Probe(ctx context.Context, route deploy.Route, color deploy.Color) deploy.Probe
}

// Router sends traffic.
type Router interface {
	// Check tells whether Prepare has anything to do, and changes nothing. Its error is what
	// Prepare would return once all is done, or why nothing can be told; beside Due it is
	// why Nginx does not answer.
	Check(ctx context.Context, app deploy.App) (deploy.RenderState, error)
	// Prepare makes the generated files of the app what they should be, tests
	// and loads them if they changed. A *RouterError tells what is in the way;
	// then the files are as they were before. One with SiteOutdated tells that all is
	// as it should be, and that the site uses a route that the app does not have any
	// more: that route is kept until it does not. repaired names the files that
	// somebody else had changed or removed since this process wrote them.
	Prepare(ctx context.Context, app deploy.App) (repaired []string, err error)
	// Reserve writes those generated files of the app that are missing, for an app of
	// which nothing can run yet: a site that includes them must not keep Nginx from being
	// loaded. They lead nowhere, and nothing is loaded: others are served meanwhile.
	Reserve(ctx context.Context, app deploy.App) error
	// Live asks the running Nginx which color answers. Beside the error of one that does not
	// know the app, the color is the one that the app's files would make live.
	Live(ctx context.Context, app deploy.App) (deploy.Color, error)
	// Reach waits until the running Nginx itself has got an answer from the stack of
	// that color through each of its routes, as far as its ports are open. At a deadline
	// the error may be what Nginx met until then.
	Reach(ctx context.Context, app deploy.App, color deploy.Color) error
	// Site tells whether requests of people can come to the app, and that what its site says
	// is in force. A *RouterError with Reason NotIncluded says what a person has to write
	// first; where it cannot be told, they can. It changes nothing. reload tells that a person
	// has written that, and left it to tandem to have it loaded.
	Site(ctx context.Context, app deploy.App) (reload bool, err error)
	// LoadSite puts the site in force that is written now.
	LoadSite(ctx context.Context, app deploy.App) error
	// Flip makes color the live one. It returns when the change is written and,
	// where a reload is needed, loaded. That is no proof yet: see Confirm.
	Flip(ctx context.Context, app deploy.App, color deploy.Color) error
	// Confirm waits until the running Nginx says that color is live, for all its
	// workers. At a deadline the error may be what Nginx said until then.
	Confirm(ctx context.Context, app deploy.App, color deploy.Color) error
	// Connections counts the open connections from Nginx to the stack of that color.
	Connections(ctx context.Context, app deploy.App, color deploy.Color) (deploy.Connections, error)
}

// Backup lets the standby answer what the live stack cannot. A Router that has no
// such thing (switch: reload) says so with Backups.
type Backup interface {
	// Backups tells whether there can be a backup at all.
	SupportsBackup() bool
	// BackupActive asks the running Nginx whether the standby is a backup now.
	BackupActive(ctx context.Context, app deploy.App) (bool, error)
	// SetBackup makes the standby a backup, or ends that. It returns when the running
	// Nginx has confirmed it, for all its workers.
	SetBackup(ctx context.Context, app deploy.App, on bool) error
}

// ProxyProber asks a route as people do: through Nginx.
type ProxyProber interface {
	// Probe asks the route's health path once, of whatever color is live. It never
	// returns later than the route's MaxLatency plus a small margin.
	ProbeLive(ctx context.Context, app deploy.App, route deploy.Route) deploy.Probe
}

// AccessLog tells what Nginx's access log says.
type AccessLog interface {
	// Traffic sums up the requests to one color that ended from since until now. An
	// error says why the log cannot be read; then nothing is known.
	Traffic(ctx context.Context, app deploy.App, color deploy.Color, since time.Time) (deploy.Traffic, error)
}

// StatsReader tells what containers use.
type StatsReader interface {
	// Usage looks at the containers of the stack once. Those that do not run count nothing.
	Usage(ctx context.Context, s deploy.Stack) (deploy.Usage, error)
}

// Singletons are the services that run in the live color only. All of it reads
// labels where the app's files are gone.
type Singletons interface {
	// StopSingletons stops the singletons of one color's stack, and returns nil only when
	// none of them runs. Docker will not start them again by itself.
	StopSingletons(ctx context.Context, app deploy.App, color deploy.Color) error
	// StartSingletons creates and starts the singletons of app.Release in that color. The
	// caller made sure that those of the other color do not run.
	StartSingletons(ctx context.Context, app deploy.App, color deploy.Color) error
}

// Migrator runs a service of the app once, from its start to its end.
type Migrator interface {
	// Migrate pulls what the service needs, waits for any other migration of the app,
	// runs it in the networks of that color's stack, and returns when it has ended.
	// A run of the same kind for the same release that is still going on, or
	// that ended and was not forgotten, is taken over and not begun again: so a
	// killed agent runs nothing twice. When ctx ends first, the run goes on
	// without anybody. A run that ended with another code than 0 is a *RejectError
	// with Reason MigrationFailed.
	Migrate(ctx context.Context, app deploy.App, color deploy.Color, kind deploy.MigrationKind) error
	// Forget removes what a finished run left behind. Without one it is no error.
	Forget(ctx context.Context, app deploy.App, kind deploy.MigrationKind) error
}

// Pruner removes images that no stack needs any more.
type Pruner interface {
	// Images returns the images that the stack's containers were made from.
	Images(ctx context.Context, s deploy.Stack) ([]deploy.Image, error)
	// RemoveImages removes the images from this host, unless a container of any
	// project still uses one or it has another name than ours. It returns those
	// that are gone now, or were before.
	RemoveImages(ctx context.Context, images []deploy.Image) ([]deploy.Image, error)
	// PruneNetworks removes the networks of the stacks that are stopped, of whatever app,
	// and returns how many those were. The containers of such a stack are made anew when
	// it is started again.
	PruneNetworks(ctx context.Context) (int, error)
}

// Reverter takes a bump back in git.
type Reverter interface {
	// Revert commits and pushes to the watched branch that dir is as it was at commit
	// good, provided that it still is what it was at commit bad; else, and when it is
	// so already, it does nothing. Files of dir that tandem itself writes stay. It
	// never forces. A branch that does not accept the push is a *RevertRefusedError.
	Revert(ctx context.Context, dir, bad, good, message string) error
}
