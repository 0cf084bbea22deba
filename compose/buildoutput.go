package compose

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"

	"github.com/docker/go-units"
	control "github.com/moby/buildkit/api/services/control"

	"tandem/compose/project"
	"tandem/compose/project/buildcontext"
	"tandem/internal/lib/plaintext"
	"tandem/reconciler/deploy"
)

// buildOutput is what the engine says of one build.
type buildOutput struct {
	log *tail
	id  string // of the image

	begun map[string]bool // steps of BuildKit that were told
}

// buildMessage is one of the engine's messages, of either builder.
type buildMessage struct {
	Stream string          `json:"stream"`
	Error  string          `json:"error"`
	ID     string          `json:"id"`
	Aux    json.RawMessage `json:"aux"`
}

// read reads the messages to the end, which is when the build is over. Most failures are
// told in the last one.
func (o *buildOutput) read(r io.Reader) error {
	dec := json.NewDecoder(r)
	for {
		var m buildMessage
		err := dec.Decode(&m)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read what the engine says of the build: %w", err)
		}
		if m.Error != "" {
			return errors.New(m.Error)
		}
		if m.Stream != "" {
			_, _ = o.log.Write([]byte(m.Stream)) // always nil
		}
		if len(m.Aux) > 0 {
			o.aux(m)
		}
	}
}

// aux reads what only programs are told: the image, and the steps of BuildKit.
func (o *buildOutput) aux(m buildMessage) {
	if m.ID == "moby.buildkit.trace" {
		var packed []byte
		var status control.StatusResponse
		if json.Unmarshal(m.Aux, &packed) == nil && status.UnmarshalVT(packed) == nil {
			o.steps(&status)
		}
		return
	}
	var built struct{ ID string }
	if json.Unmarshal(m.Aux, &built) == nil && built.ID != "" {
		o.id = built.ID
	}
}

// steps writes down each step of BuildKit when it begins, and what it prints.
func (o *buildOutput) steps(status *control.StatusResponse) {
	if o.begun == nil {
		o.begun = map[string]bool{}
	}
	say := func(text string) { _, _ = o.log.Write([]byte(text)) } // always nil
	for _, v := range status.Vertexes {
		if v.Started != nil && !o.begun[v.Digest] {
			o.begun[v.Digest] = true
			say(v.Name + "\n")
		}
	}
	for _, l := range status.Logs {
		say(string(l.Msg))
	}
}

// lines are the last lines of the build.
func (o *buildOutput) lines() string { return lastLines(o.log.String(), logLines) }

// reject is the verdict that the release cannot be built.
func (o *buildOutput) reject(format string, args ...any) error {
	return &deploy.RejectError{Reason: deploy.BuildFailed, Detail: plaintext.WithoutEscapes([]byte(o.log.hide(fmt.Sprintf(format, args...)))), Logs: o.lines()}
}

// stepFailed is how the builders say that a command ended badly, with its exit code.
var stepFailed = regexp.MustCompile(`(?:returned a non-zero code: |did not complete successfully: exit code: |executor failed running .*: exit code: )(\d+)`)

// buildError tells what is wrong with the Dockerfile and what it runs from what is only in
// the way of the build: a registry that is away, a full disk. Both builders tell these
// apart in words.
func (c *Client) buildError(ctx context.Context, b project.Build, out *buildOutput, err error) error {
	var reject *deploy.RejectError
	var temporary *deploy.TemporaryError
	var wrong *buildcontext.Error
	doing := "build " + b.Service
	switch {
	case errors.As(err, &reject), errors.As(err, &temporary):
		return err
	case errors.As(err, &wrong):
		return out.reject("%s: %s", doing, wrong)
	case mentions(err, "no space left on device"), strings.Contains(strings.ToLower(out.lines()), "no space left on device"):
		return &deploy.TemporaryError{Reason: deploy.DiskFull, Err: fmt.Errorf(
			"%s: the disk of Docker is full: remove what nobody needs (docker image prune, docker builder prune): %w", doing, err)}
	}
	if code := match(stepFailed, err); code != "" {
		hint := ""
		if code == "137" {
			hint = c.memoryHint(ctx)
		}
		return out.reject("%s: %s%s", doing, lastWords(err), hint)
	}
	switch {
	case mentions(err, "unauthorized", "no basic auth credentials", "authentication required", "toomanyrequests", "failed to authorize"):
		return &deploy.TemporaryError{Reason: deploy.PullFailed, Err: fmt.Errorf(
			"%s: the registry of a base image refuses the credentials in Docker's configuration (docker login renews them): %w", doing, err)}
	case mentions(err, "pull access denied", "manifest unknown", "manifest for", "repository does not exist", "no matching manifest", "name unknown", ": not found"):
		return out.reject("%s: a base image does not exist in its registry, or the credentials in Docker's configuration may not pull it: %s", doing, lastWords(err))
	case mentions(err, "registry", "/v2/", "dial tcp", "no such host", "i/o timeout", "tls handshake", "connection refused", "failed to do request", "failed to resolve source metadata", "server misbehaving"):
		return &deploy.TemporaryError{Reason: deploy.PullFailed, Err: fmt.Errorf("%s: %w", doing, err)}
	case isAway(err):
		return engineError(ctx, doing, err)
	case layerGone(err):
		return &deploy.TemporaryError{Reason: deploy.Failed, Err: fmt.Errorf("%s: somebody removes images while it is built: %w", doing, err)}
	case mentions(err, hostTroubles()...):
		return &deploy.TemporaryError{Reason: deploy.Failed, Err: fmt.Errorf("%s: %w", doing, err)}
	}
	return out.reject("%s: %s", doing, lastWords(err))
}

// memoryHint says how much memory a build has, for one that was killed.
func (c *Client) memoryHint(ctx context.Context) string {
	info, err := c.engine.Info(ctx)
	if err != nil {
		return ""
	}
	return fmt.Sprintf(" (it was killed, as the kernel does when memory is short: a build has at most %s here)",
		units.BytesSize(float64(info.MemTotal)*buildMemoryShare))
}
