package guard

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/pkg/stdcopy"
	moby "github.com/moby/moby/client"

	"tandem/compose/policy"
	"tandem/compose/project"
	"tandem/internal/lib/containerexec"
)

// A hook that fails fails the start. What it wrote is taken down here: the Compose SDK
// would put the end of it into its error, cut where it may be in the middle of a secret,
// which nobody could find in it any more.

// HookError says that a command of post_start ended with another code than 0.
type HookError struct {
	Code   int
	Output string // the end of what it wrote, without secrets
}

func (e *HookError) Error() string { return fmt.Sprintf("hook exited with status %d", e.Code) }

// Hooks is what the hooks of a stack need from whoever looks after its containers.
type Hooks struct {
	Log    *slog.Logger
	Time   time.Duration // how long the pre_stop hooks of one container may take, where its stop_grace_period is not longer
	Output func() Output // what keeps the end of what one hook writes
	// Exec runs a command in a container, and returns its exit code and the end of what
	// it wrote.
	Exec func(ctx context.Context, id string, o container.ExecOptions) (code int, output string, err error)
}

// Output keeps the end of what is written to it, without secrets.
type Output interface {
	io.Writer
	fmt.Stringer
}

// hookRuns are the hooks of one stack that run, by the engine's name for each run of a
// command.
type hookRuns struct {
	mu   sync.Mutex
	runs map[string]Output
}

func (h *hookRuns) begin(exec string, out Output) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.runs == nil {
		h.runs = map[string]Output{}
	}
	h.runs[exec] = out
}

// end returns what the run wrote.
func (h *hookRuns) end(exec string) string {
	h.mu.Lock()
	defer h.mu.Unlock()
	out := h.runs[exec]
	delete(h.runs, exec)
	if out == nil {
		return ""
	}
	return out.String()
}

// ExecCreate prepares a command in a container, with no more rights than the policy
// gives it.
func (g *Engine) ExecCreate(ctx context.Context, id string, o moby.ExecCreateOptions) (moby.ExecCreateResult, error) {
	if o.Privileged && !g.host.Policy.Allows(policy.AllowPrivileged) {
		return moby.ExecCreateResult{}, &NotAllowedError{"a command in a container asks to be privileged, which is root on this host"}
	}
	return g.Client.ExecCreate(ctx, id, o)
}

// ExecAttach starts the command, and takes down what it writes while the SDK reads it.
func (g *Engine) ExecAttach(ctx context.Context, exec string, o moby.ExecAttachOptions) (moby.ExecAttachResult, error) {
	res, err := g.Client.ExecAttach(ctx, exec, o)
	if err != nil {
		return res, err
	}
	out := g.hooks.Output()
	g.runs.begin(exec, out)
	if o.TTY {
		res.Reader = bufio.NewReader(io.TeeReader(res.Reader, out))
		return res, nil
	}
	// The SDK reads the stream as the engine sends it, in which both outputs of the
	// command are mixed; here they are wanted apart from the marks between them.
	reader, writer := io.Pipe()
	parted := make(chan struct{})
	go func() {
		defer close(parted)
		_, copyErr := stdcopy.StdCopy(out, out, reader)
		reader.CloseWithError(errors.Join(copyErr, io.ErrClosedPipe))
	}()
	res.Reader = bufio.NewReader(&copied{from: res.Reader, to: writer, done: parted})
	return res, nil
}

// copied reads from one stream and hands all of it on to another one, which it closes at
// the end, and waits until that was read. Whether anybody reads there is not its business.
type copied struct {
	from io.Reader
	to   *io.PipeWriter
	done <-chan struct{}
}

func (c *copied) Read(p []byte) (int, error) {
	n, err := c.from.Read(p)
	_, _ = c.to.Write(p[:n]) // the SDK has it all the same
	if err != nil {
		_ = c.to.Close() // it always returns nil
		<-c.done
	}
	return n, err
}

// ExecInspect tells how the command ended, once the engine knows it: the SDK asks when the
// output is over, and takes the code of a command that still runs for success. One that
// failed is an error here, before the SDK makes one of it.
func (g *Engine) ExecInspect(ctx context.Context, exec string, o moby.ExecInspectOptions) (moby.ExecInspectResult, error) {
	var res moby.ExecInspectResult
	_, err := containerexec.ExitCode(ctx, func(ctx context.Context) (running bool, code int, err error) {
		res, err = g.Client.ExecInspect(ctx, exec, o)
		return res.Running, res.ExitCode, err
	})
	output := g.runs.end(exec)
	if err == nil && res.ExitCode != 0 {
		return res, &HookError{res.ExitCode, output}
	}
	return res, err
}

// The pre_stop hooks of a service are run by whoever stops its container, and a stack is
// stopped when its files may be gone. So a container has its hooks in a label. No secret
// gets there: the rules for the file allow none in a hook.

// ContainerStop runs the container's pre_stop hooks, and stops it whatever came of them:
// a release that is to go goes, and its hook would fail the next time, too.
func (g *Engine) ContainerStop(ctx context.Context, id string, o moby.ContainerStopOptions) (moby.ContainerStopResult, error) {
	if err := g.runPreStop(ctx, id); err != nil && ctx.Err() == nil {
		g.hooks.Log.Warn("a pre_stop hook failed, and its container is stopped all the same", "err", err)
	}
	return g.Client.ContainerStop(ctx, id, o)
}

// runPreStop runs the hooks of a container that runs, up to the first that fails.
func (g *Engine) runPreStop(ctx context.Context, id string) error {
	info, err := g.ContainerInspect(ctx, id, moby.ContainerInspectOptions{})
	if err != nil {
		return err
	}
	c := info.Container
	if c.Config == nil || c.State == nil || c.Config.Labels[project.LabelPreStop] == "" || c.State.Status != "running" {
		return nil // a frozen one takes no command
	}
	var hooks []types.ServiceHook
	if err := json.Unmarshal([]byte(c.Config.Labels[project.LabelPreStop]), &hooks); err != nil {
		return fmt.Errorf("read the hooks of %s: %w", c.Name, err)
	}
	grace := 0
	if c.Config.StopTimeout != nil {
		grace = *c.Config.StopTimeout
	}
	ctx, cancel := context.WithTimeout(ctx, max(g.hooks.Time, time.Duration(grace)*time.Second))
	defer cancel()
	for _, h := range hooks {
		if h.Privileged && !g.host.Policy.Allows(policy.AllowPrivileged) {
			return errors.New("it asks to be privileged, which this host does not allow")
		}
		code, output, err := g.hooks.Exec(ctx, id, container.ExecOptions{
			Cmd: h.Command, User: h.User, WorkingDir: h.WorkingDir, Env: envOf(h.Environment), Privileged: h.Privileged,
		})
		if ctx.Err() != nil {
			return fmt.Errorf("a hook in %s did not end in time", c.Name)
		}
		if err != nil {
			return fmt.Errorf("run a hook in %s: %w", c.Name, err)
		}
		if code != 0 {
			return fmt.Errorf("a hook in %s exited with status %d: %s", c.Name, code, cmp.Or(output, "it wrote nothing"))
		}
	}
	return nil
}

// envOf writes variables for the engine. One without a value is the container's own.
func envOf(m types.MappingWithEquals) []string {
	var env []string
	for _, key := range slices.Sorted(maps.Keys(m)) {
		if v := m[key]; v != nil {
			env = append(env, key+"="+*v)
		}
	}
	return env
}
