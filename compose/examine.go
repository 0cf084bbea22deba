package compose

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/pkg/stdcopy"

	"tandem/internal/lib/containerexec"
	"tandem/internal/lib/plaintext"
	"tandem/reconciler/deploy"
)

const (
	maxHealthOutput = 4 << 10
	maxLogs         = 64 << 10
	// defaultHealthTimeout is the engine's own, for a health check that names none.
	defaultHealthTimeout = 30 * time.Second
)

// Health runs the container's own health command in it, as the engine would,
// and bounds it by the timeout of the health check. nil is healthy; the error
// holds the command's exit code and the end of its output. A container without
// a health command is an error: there is nothing to ask.
func (c *Client) Health(ctx context.Context, ctr deploy.Container) error {
	if err := c.ready(ctx); err != nil {
		return err
	}
	info, err := c.engine.ContainerInspect(ctx, ctr.ID)
	if err != nil {
		return engineError(ctx, "inspect container "+ctr.Name, err)
	}
	command := healthCommand(info.Config)
	if command == nil {
		return fmt.Errorf("check the health of %s: it has no health command", ctr.Name)
	}
	timeout := info.Config.Healthcheck.Timeout
	if timeout <= 0 {
		timeout = defaultHealthTimeout
	}
	inner, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	code, output, err := c.exec(inner, ctr.ID, container.ExecOptions{Cmd: command})
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case inner.Err() != nil:
		return fmt.Errorf("health command of %s: no answer within %s%s", ctr.Name, timeout, quoted(output))
	case err != nil:
		return engineError(ctx, "run the health command of "+ctr.Name, err)
	case code != 0:
		return fmt.Errorf("health command of %s: exit code %d%s", ctr.Name, code, quoted(output))
	}
	return nil
}

// healthCommand is what runs when the health of a container is asked for, nil
// when there is nothing.
func healthCommand(config *container.Config) []string {
	if config == nil || config.Healthcheck == nil || len(config.Healthcheck.Test) < 2 {
		return nil
	}
	test := config.Healthcheck.Test
	switch test[0] {
	case "CMD":
		return test[1:]
	case "CMD-SHELL":
		shell := []string(config.Shell)
		if len(shell) == 0 {
			shell = []string{"/bin/sh", "-c"}
		}
		return append(append([]string{}, shell...), test[1])
	default:
		return nil
	}
}

// exec runs a command in the container and returns its exit code and the end of
// what it wrote.
func (c *Client) exec(ctx context.Context, id string, o container.ExecOptions) (int, string, error) {
	out := &tail{max: maxHealthOutput, hide: c.hide}
	code, err := containerexec.Run(ctx, c.engine, id, o, out, out)
	return code, out.String(), err
}

// Logs returns the last n lines that the container wrote to either stream, at
// most 64 KiB of them, without control characters that would change a terminal.
func (c *Client) Logs(ctx context.Context, ctr deploy.Container, n int) (string, error) {
	if err := c.ready(ctx); err != nil {
		return "", err
	}
	info, err := c.engine.ContainerInspect(ctx, ctr.ID)
	if err != nil {
		return "", engineError(ctx, "inspect container "+ctr.Name, err)
	}
	stream, err := c.engine.ContainerLogs(ctx, ctr.ID, container.LogsOptions{
		ShowStdout: true, ShowStderr: true, Tail: strconv.Itoa(n + overlap/logPart + 1),
	})
	if err != nil {
		return "", engineError(ctx, "read the log of "+ctr.Name, err)
	}
	out := &tail{max: maxLogs, hide: c.hide}
	if info.Config.Tty {
		// A terminal has one stream, so the engine does not mark which it was.
		_, err = io.Copy(out, stream)
	} else {
		_, err = stdcopy.StdCopy(out, out, stream)
	}
	if err = errors.Join(err, stream.Close()); err != nil {
		return "", engineError(ctx, "read the log of "+ctr.Name, err)
	}
	return lastLines(out.String(), n), nil
}

// lastLines are the last n lines of a text that does not end with one.
func lastLines(text string, n int) string {
	lines := strings.Split(text, "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}

// hide takes the values of secrets out of what a container wrote, the beginning of
// which is missing: a limit of lines or bytes can fall into the middle of one.
func (c *Client) hide(text string) string {
	if c.vault == nil {
		return text
	}
	return c.vault.HideCut(text)
}

// tail keeps the last max bytes that were written to it, and so much before them
// that a secret which begins there is still whole.
type tail struct {
	max  int
	hide func(string) string
	buf  []byte
}

// overlap is more than a secret has: the kernel takes no longer variable.
const overlap = 128 << 10

// logPart is how many bytes of a line the engine counts as one line: a longer one it
// keeps in parts (copier.go of the engine's logger).
const logPart = 16 << 10

func (t *tail) Write(p []byte) (int, error) {
	t.buf = append(t.buf, p...)
	if over := len(t.buf) - t.max - overlap; over > 0 {
		t.buf = append(t.buf[:0], t.buf[over:]...)
	}
	return len(p), nil
}

// String is the text without what would change a terminal.
func (t *tail) String() string {
	text := t.hide(string(bytes.TrimRight(t.buf, "\r\n \t")))
	return plaintext.WithoutEscapes([]byte(text[max(0, len(text)-t.max):]))
}

// quoted appends output to a message, if there is some.
func quoted(output string) string {
	if output == "" {
		return ""
	}
	return ": " + output
}
