package compose

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strconv"
	"sync"

	"github.com/compose-spec/compose-go/v2/types"
	cerrdefs "github.com/containerd/errdefs"
	"github.com/docker/compose/v5/pkg/api"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/pkg/stdcopy"
	moby "github.com/moby/moby/client"

	"tandem/compose/project"
	"tandem/internal/lib/containerexec"
	"tandem/reconciler/deploy"
)

// A hook that fails fails the start. What it wrote is taken down here: the Compose SDK
// would put the end of it into its error, cut where it may be in the middle of a secret,
// which nobody could find in it any more.

// hookError says that a command of post_start ended with another code than 0.
type hookError struct {
	code   int
	output string // the end of what it wrote, without secrets
}

func (e *hookError) Error() string { return fmt.Sprintf("hook exited with status %d", e.code) }

// hookOutput keeps what the hooks of one stack write, by the engine's name for each
// run of a command.
type hookOutput struct {
	mu   sync.Mutex
	runs map[string]*tail
}

func (h *hookOutput) open(exec string, hide func(string) string) *tail {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.runs == nil {
		h.runs = map[string]*tail{}
	}
	h.runs[exec] = &tail{max: maxHealthOutput, hide: hide}
	return h.runs[exec]
}

func (h *hookOutput) take(exec string) string {
	h.mu.Lock()
	defer h.mu.Unlock()
	t := h.runs[exec]
	delete(h.runs, exec)
	if t == nil {
		return ""
	}
	return t.String()
}

// ExecCreate prepares a command in a container, with no more rights than the policy
// gives it.
func (g *guard) ExecCreate(ctx context.Context, id string, o moby.ExecCreateOptions) (moby.ExecCreateResult, error) {
	if o.Privileged && !g.rules.Policy.Allows(project.AllowPrivileged) {
		return moby.ExecCreateResult{}, &notAllowedError{"a command in a container asks to be privileged, which is root on this host"}
	}
	return g.Client.ExecCreate(ctx, id, o)
}

// ExecAttach starts the command, and takes down what it writes while the SDK reads it.
func (g *guard) ExecAttach(ctx context.Context, exec string, o moby.ExecAttachOptions) (moby.ExecAttachResult, error) {
	res, err := g.Client.ExecAttach(ctx, exec, o)
	if err != nil {
		return res, err
	}
	out := g.output.open(exec, g.client.hide)
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
func (g *guard) ExecInspect(ctx context.Context, exec string, o moby.ExecInspectOptions) (moby.ExecInspectResult, error) {
	var res moby.ExecInspectResult
	_, err := containerexec.ExitCode(ctx, func(ctx context.Context) (running bool, code int, err error) {
		res, err = g.Client.ExecInspect(ctx, exec, o)
		return res.Running, res.ExitCode, err
	})
	output := g.output.take(exec)
	if err == nil && res.ExitCode != 0 {
		return res, &hookError{res.ExitCode, output}
	}
	return res, err
}

// stopUnhooked stops the containers that run, although nobody knows whether their
// post_start hooks went well: whoever started them was cut short, or a hook failed. The
// hooks run with each start, so the start that follows makes up for it. started are the
// ids of those that are known to lack nothing.
func (c *Client) stopUnhooked(ctx context.Context, p *types.Project, present []observed, started []string) error {
	for i, o := range present {
		if o.Singleton || !isAlive(o.Container) || len(p.Services[o.Service].PostStart) == 0 || slices.Contains(started, o.ID) {
			continue
		}
		err := c.engine.ContainerStop(ctx, o.ID, container.StopOptions{})
		if err != nil && !cerrdefs.IsNotFound(err) {
			return engineError(ctx, "stop container "+o.Name, err)
		}
		present[i].State, present[i].ExitCode = "exited", 1
	}
	return nil
}

// preStart is what the SDK says of a pre_start hook, which runs in a container of its own.
var preStart = regexp.MustCompile(`^service "([^"]+)" pre_start\[\d+\] exited with code (\d+)`)

// hookFailed rejects the release if a hook of it failed. The container of a pre_start
// hook, which the SDK leaves where it is with all its environment, is removed; its last
// words are in the error.
func (c *Client) hookFailed(ctx context.Context, projectName string, err error) error {
	var hook *hookError
	if errors.As(err, &hook) {
		return &deploy.RejectError{Reason: deploy.CannotStart, Logs: hook.output, Detail: fmt.Sprintf(
			"start %s: a post_start hook exited with status %d", projectName, hook.code)}
	}
	m := preStart.FindStringSubmatch(err.Error())
	if m == nil {
		return nil
	}
	reject := &deploy.RejectError{Reason: deploy.CannotStart, Detail: fmt.Sprintf(
		"start %s: a pre_start hook of %s exited with code %s", projectName, m[1], m[2])}
	logs, removeErr := c.removeHooks(ctx, projectName)
	reject.Logs = logs
	if removeErr != nil {
		return errors.Join(reject, removeErr)
	}
	return reject
}

// removeHooks removes the containers of pre_start hooks, and returns the last lines of
// one that failed.
func (c *Client) removeHooks(ctx context.Context, projectName string) (logs string, err error) {
	list, err := c.engine.ContainerList(ctx, container.ListOptions{All: true, Filters: filters.NewArgs(
		filters.Arg("label", api.ProjectLabel+"="+projectName), filters.Arg("label", api.HookLabel+"=pre_start"),
	)})
	if err != nil {
		return "", engineError(ctx, "list the hooks of "+projectName, err)
	}
	for _, s := range list {
		ctr := deploy.Container{ID: s.ID, Name: s.ID[:12]}
		if logs == "" {
			if logs, err = c.Logs(ctx, ctr, logLines); err != nil {
				logs = "(no log: " + strconv.Quote(err.Error()) + ")"
			}
		}
		err := c.engine.ContainerRemove(ctx, s.ID, container.RemoveOptions{Force: true, RemoveVolumes: true})
		if err != nil && !cerrdefs.IsNotFound(err) {
			return logs, engineError(ctx, "remove the container of a hook", err)
		}
	}
	return logs, nil
}
