package containerexec

import (
	"context"
	"io"
	"time"

	"github.com/docker/docker/api/types"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/pkg/stdcopy"
)

// Engine is what Run needs of Docker; *client.Client has it.
type Engine interface {
	// ContainerExecCreate prepares a command in a container.
	ContainerExecCreate(ctx context.Context, containerID string, options container.ExecOptions) (container.ExecCreateResponse, error)
	// ContainerExecAttach starts it, and returns the connection with its output.
	ContainerExecAttach(ctx context.Context, execID string, options container.ExecAttachOptions) (types.HijackedResponse, error)
	// ContainerExecInspect tells whether it still runs, and how it ended.
	ContainerExecInspect(ctx context.Context, execID string) (container.ExecInspect, error)
}

// Run runs a command in the container, hands on what it writes to both outputs as it
// comes, and returns its exit code. When ctx ends first, the command goes on without anybody.
func Run(ctx context.Context, engine Engine, containerID string, o container.ExecOptions, stdout, stderr io.Writer) (code int, err error) {
	o.AttachStdout, o.AttachStderr = true, true
	created, err := engine.ContainerExecCreate(ctx, containerID, o)
	if err != nil {
		return 0, err
	}
	conn, err := engine.ContainerExecAttach(ctx, created.ID, container.ExecAttachOptions{})
	if err != nil {
		return 0, err
	}
	defer conn.Close()
	// The connection was taken over from the HTTP client, so that ctx no longer ends it:
	// closing it ends the read.
	defer context.AfterFunc(ctx, conn.Close)()
	if _, err := stdcopy.StdCopy(stdout, stderr, conn.Reader); err != nil {
		if ctx.Err() != nil {
			return 0, ctx.Err()
		}
		return 0, err
	}
	return ExitCode(ctx, func(ctx context.Context) (running bool, code int, err error) {
		info, err := engine.ContainerExecInspect(ctx, created.ID)
		return info.Running, info.ExitCode, err
	})
}

// The pauses between two questions for the exit code. Mostly the second answer has it.
const (
	firstPause = time.Millisecond
	lastPause  = 100 * time.Millisecond
)

// ExitCode asks until the command no longer runs. Its output ends a moment before the
// engine knows its exit code, and until then the engine's answer has the code 0: taken
// at its word, a command that failed would have succeeded.
func ExitCode(ctx context.Context, inspect func(context.Context) (running bool, code int, err error)) (int, error) {
	for pause := firstPause; ; pause = min(2*pause, lastPause) {
		running, code, err := inspect(ctx)
		if err != nil {
			return 0, err
		}
		if !running {
			return code, nil
		}
		select {
		case <-ctx.Done():
			return 0, ctx.Err()
		case <-time.After(pause):
		}
	}
}
