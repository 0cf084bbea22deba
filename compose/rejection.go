package compose

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/docker/docker/api/types/container"

	"tandem/reconciler"
)

// rejection sorts what creating or starting a stack failed with: the release
// cannot run, or this host stands in its way for now. The Compose SDK and the
// engine tell these apart only in words.
func (c *Client) rejection(ctx context.Context, p *types.Project, doing string, err error) error {
	doing += " " + p.Name
	if ctx.Err() != nil || isAway(err) {
		return engineError(ctx, doing, err)
	}
	if bad := c.hookFailed(ctx, p.Name, err); bad != nil {
		return bad
	}
	var refused *notAllowedError
	switch {
	case errors.As(err, &refused):
		return &reconciler.RejectError{Reason: reconciler.CannotStart, Detail: doing + ": " + refused.what}
	case mentions(err, "port is already allocated"), mentions(err, "address already in use") && mentions(err, "bind", "host port"):
		return &reconciler.TemporaryError{Reason: reconciler.Failed, Err: c.portTaken(ctx, p, err)}
	case mentions(err, "no such image"):
		return imageGone(err)
	case mentions(err, "didn't complete successfully"):
		return c.dependencyFailed(ctx, p, reconciler.ContainerExited, err)
	case mentions(err, "dependency failed to start"):
		reason := reconciler.Unhealthy
		if mentions(err, "exited") {
			reason = reconciler.ContainerExited
		}
		return c.dependencyFailed(ctx, p, reason, err)
	case mentions(err, hostTroubles()...):
		return &reconciler.TemporaryError{Reason: reconciler.Failed, Err: fmt.Errorf("%s: %w", doing, err)}
	case mentions(err, releaseTroubles()...):
		return &reconciler.RejectError{Reason: reconciler.CannotStart, Detail: fmt.Sprintf("%s: %s", doing, lastWords(err))}
	}
	return fmt.Errorf("%s: %w", doing, err)
}

// hostTroubles are the engine's words for what may be over in a minute. They are
// looked for first: the container runtime wraps both kinds alike.
func hostTroubles() []string {
	return []string{
		"no space left", "too many open files", "cannot allocate memory", "resource temporarily unavailable", "resource busy",
		"cgroup", "iptables", "could not be found", "is already in use by container", "fully subnetted", "non-overlapping",
		"input/output error", "connection refused", "error while dialing", "i/o timeout",
	}
}

// releaseTroubles are its words for what is wrong with the image or the file.
func releaseTroubles() []string {
	return []string{
		"oci runtime", "executable file not found", "exec format error", "no command specified", "invalid", "conflicting options",
		"bind source path does not exist", "unable to find user", "unable to find group", "unknown log", "unknown runtime", "unsupported",
	}
}

var (
	boundPort    = regexp.MustCompile(`(?:Bind for|listen tcp4?|listen udp4?) \S*?:(\d+)`)
	failedName   = regexp.MustCompile(`container (\S+) (?:is unhealthy|exited)`)
	failedOneOff = regexp.MustCompile(`service "([^"]+)" didn't complete`)
)

// portTaken says which port is taken, and by which container if it is one.
func (c *Client) portTaken(ctx context.Context, p *types.Project, err error) error {
	m := boundPort.FindStringSubmatch(err.Error())
	if m == nil {
		return fmt.Errorf("start %s: a port is taken: %w", p.Name, err)
	}
	by := "another program on this host"
	if name := c.publisherOf(ctx, m[1]); name != "" {
		by = "the container " + name
	}
	return fmt.Errorf("start %s: port %s is in use by %s: %w", p.Name, m[1], by, err)
}

func (c *Client) publisherOf(ctx context.Context, port string) string {
	list, err := c.engine.ContainerList(ctx, container.ListOptions{})
	if err != nil {
		return "" // only a better message depends on it
	}
	for _, s := range list {
		for _, bound := range s.Ports {
			if strconv.Itoa(int(bound.PublicPort)) == port && len(s.Names) > 0 {
				return strings.TrimPrefix(s.Names[0], "/")
			}
		}
	}
	return ""
}

// dependencyFailed rejects a release one of whose services was waited for in
// vain, with what that service wrote last.
func (c *Client) dependencyFailed(ctx context.Context, p *types.Project, reason reconciler.Reason, cause error) error {
	reject := &reconciler.RejectError{Reason: reason, Detail: cause.Error()}
	all, err := c.containers(ctx, p.Name)
	if err != nil {
		return errors.Join(reject, err)
	}
	for _, o := range all {
		if o.Name != match(failedName, cause) && o.Service != match(failedOneOff, cause) {
			continue
		}
		if mentions(cause, "exited (0)") {
			reject.Detail += fmt.Sprintf("; if %s is meant to end, write depends_on: {%s: {condition: service_completed_successfully}}", o.Service, o.Service)
		}
		logs, err := c.Logs(ctx, o.Container, logLines)
		reject.Logs = cmp.Or(reject.Logs, logs)
		if err != nil {
			return errors.Join(reject, err)
		}
	}
	return reject
}

// logLines is how much of a failed container's log goes into a message.
const logLines = 20

func match(re *regexp.Regexp, err error) string {
	if m := re.FindStringSubmatch(err.Error()); m != nil {
		return m[1]
	}
	return ""
}
