package reconciler

import (
	"context"
	"time"
)

// This file holds what the heart needs from the world, one small interface a
// concern. All methods may be called again after an error, stop when their
// context ends (returning its error), and change nothing once it has ended,
// unless they say otherwise.

// Revision is the watched branch at one commit.
type Revision struct {
	Commit Commit
	Files  []AppFile // sorted by Dir; empty when the repository has no app
}

// AppFile is one tandem.yaml as it stands in a Revision.
type AppFile struct {
	Dir    string // slash-separated, "." for the repository's root
	Path   string // of the tandem.yaml itself
	Tree   string // hash of the directory's Git tree, without a status file that tandem wrote into it
	Commit Commit // the revision's commit
	Data   []byte // the file's content; nil when it is larger than MaxFileSize
}

// MaxFileSize is the size in bytes up to which a tandem.yaml is read.
const MaxFileSize = 1 << 20

// Source is where the desired state comes from and the status goes to.
type Source interface {
	// Poll asks the remote for the watched branch and returns it. It fetches
	// only when the branch moved. The error says who refused what; it never
	// holds a credential.
	Poll(ctx context.Context) (Revision, error)
	// Export writes the files of dir as of commit into dest, which it creates;
	// nothing is left half written when it fails.
	Export(ctx context.Context, commit, dir, dest string) error
	// Publish commits the files (path in the repository -> content) to the
	// status branch, on top of whatever is there, and pushes. Unchanged content
	// makes no commit.
	Publish(ctx context.Context, message string, files map[string][]byte) error
}

// Resolver turns a parsed App into exactly what is to run.
type Resolver interface {
	// Resolve reads the Compose files under app.Root and returns the release.
	// A file that cannot be run blue/green (a fixed port, a container_name, a
	// named volume, …) is Faults.
	Resolve(ctx context.Context, app App) (Release, error)
}

// Stacks acts on and observes the two stacks of an app.
type Stacks interface {
	// Observe returns the stacks as the engine has them, blue first. It reads
	// labels only, so it also works for an app whose files are gone.
	Observe(ctx context.Context, app App) ([2]Stack, error)
	// Up makes the stack of one color run app.Release: shared stack, pull,
	// create, start. It does not wait for health. Where the stack has that release
	// already, only what is dead or missing is touched. A release that cannot
	// run here is a *RejectError.
	Up(ctx context.Context, app App, color Color) error
	// Stop stops the stack's containers with Compose's grace period and keeps
	// them. Stopping a stopped stack is no error.
	Stop(ctx context.Context, app App, color Color) error
}

// Examiner looks into single containers on behalf of the gate and the watch.
type Examiner interface {
	// Health runs the container's own health command in it. nil is healthy; the
	// error holds the command's exit code and the end of its output.
	Health(ctx context.Context, c Container) error
	// Logs returns the last n lines that the container wrote, without control
	// characters that would change a terminal.
	Logs(ctx context.Context, c Container, n int) (string, error)
}

// Prober asks one route of one color once, directly and not through Nginx.
type Prober interface {
	// Probe never returns later than the route's MaxLatency plus a small margin.
	Probe(ctx context.Context, route Route, color Color) Probe
}

// Probe is the answer to one question.
type Probe struct {
	Status int           // 0 when there was no answer
	Took   time.Duration // until the whole header was read
	Err    error         // why there was no answer
}

// Router sends traffic.
type Router interface {
	// Prepare makes the generated files of the app what they should be, tests
	// and loads them if they changed. A *RouterError tells what is in the way;
	// then the files are as they were before. repaired names the files that
	// somebody else had changed or removed since this process wrote them.
	Prepare(ctx context.Context, app App) (repaired []string, err error)
	// Live asks the running Nginx which color answers.
	Live(ctx context.Context, app App) (Color, error)
	// Flip makes color the live one. It returns when the change is written and,
	// where a reload is needed, loaded. That is no proof yet: see Confirm.
	Flip(ctx context.Context, app App, color Color) error
	// Confirm waits until the running Nginx says that color is live, for all its
	// workers.
	Confirm(ctx context.Context, app App, color Color) error
	// Idle tells whether Nginx has no open connection to the stack of that color.
	Idle(ctx context.Context, app App, color Color) (bool, error)
}
