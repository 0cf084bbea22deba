package containerexec_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"testing"

	"github.com/docker/docker/api/types"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/pkg/stdcopy"

	"tandem/internal/lib/containerexec"
)

// engine runs one command that writes to both streams and ends with a code. It says that
// the command still runs for some questions after its output has ended, as Docker does.
type engine struct {
	late    int // so many questions
	code    int
	silent  bool   // the output does not end
	waited  func() // is called when Run waits for the output, or for the code
	refuses error
}

func (e *engine) ContainerExecCreate(context.Context, string, container.ExecOptions) (container.ExecCreateResponse, error) {
	return container.ExecCreateResponse{ID: "1"}, e.refuses
}

func (e *engine) ContainerExecAttach(context.Context, string, container.ExecAttachOptions) (types.HijackedResponse, error) {
	near, far := net.Pipe()
	go func() {
		if e.silent {
			e.waited()
			return
		}
		_, outErr := fmt.Fprint(stdcopy.NewStdWriter(far, stdcopy.Stdout), "out")
		_, errErr := fmt.Fprint(stdcopy.NewStdWriter(far, stdcopy.Stderr), "err")
		if err := errors.Join(outErr, errErr, far.Close()); err != nil {
			panic(err)
		}
	}()
	return types.HijackedResponse{Conn: near, Reader: bufio.NewReader(near)}, nil
}

func (e *engine) ContainerExecInspect(context.Context, string) (container.ExecInspect, error) {
	if e.waited != nil {
		e.waited()
	}
	if e.late--; e.late >= 0 {
		return container.ExecInspect{Running: true}, nil
	}
	return container.ExecInspect{ExitCode: e.code}, nil
}

func TestRun_WaitsUntilTheEngineKnowsTheExitCode(t *testing.T) {
	for _, late := range []int{0, 1, 5} {
		for _, want := range []int{0, 1, 137} {
			var stdout, stderr bytes.Buffer
			got, err := containerexec.Run(t.Context(), &engine{late: late, code: want}, "web", container.ExecOptions{Cmd: []string{"true"}}, &stdout, &stderr)
			if err != nil || got != want || stdout.String() != "out" || stderr.String() != "err" {
				t.Errorf("known after %d questions: got code %d, %q, %q and %v, want code %d", late, got, &stdout, &stderr, err, want)
			}
		}
	}
}

func TestRun_EndsWithItsContext(t *testing.T) {
	for name, e := range map[string]*engine{"while it writes": {silent: true}, "while it ends": {late: 1 << 30}} {
		ctx, cancel := context.WithCancel(t.Context())
		e.waited = cancel
		var out bytes.Buffer
		if _, err := containerexec.Run(ctx, e, "web", container.ExecOptions{Cmd: []string{"sleep"}}, &out, &out); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: got %v, want the context's error", name, err)
		}
	}
}

func TestRun_TellsWhatTheEngineSays(t *testing.T) {
	refused := errors.New("no such container")
	var out bytes.Buffer
	if _, err := containerexec.Run(t.Context(), &engine{refuses: refused}, "web", container.ExecOptions{}, &out, &out); !errors.Is(err, refused) {
		t.Errorf("got %v, want %v", err, refused)
	}
}
