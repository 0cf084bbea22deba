package compose

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"

	"github.com/compose-spec/compose-go/v2/types"

	"tandem/compose/guard"
	"tandem/reconciler/deploy"
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
	var refused *guard.NotAllowedError
	switch {
	case errors.As(err, &refused):
		return &deploy.RejectError{Reason: deploy.CannotStart, Detail: doing + ": " + refused.What}
	case mentions(err, "no such image"):
		return imageGone(err)
	case mentions(err, "didn't complete successfully"):
		return c.dependencyFailed(ctx, p, deploy.ContainerExited, err)
	case mentions(err, "dependency failed to start"):
		reason := deploy.Unhealthy
		if mentions(err, "exited") {
			reason = deploy.ContainerExited
		}
		return c.dependencyFailed(ctx, p, reason, err)
	}
	if taken := c.portTaken(ctx, p, err); taken != "" {
		return &deploy.TemporaryError{Reason: deploy.PortTaken, Err: fmt.Errorf("%s: %s: %w", doing, taken, err)}
	}
	switch {
	case mentions(err, "fully subnetted", "address pool among the defaults"):
		return c.noAddresses(ctx, doing, err)
	case mentions(err, "no space left on device") && !mentions(err, "cgroup", "inotify"): // which have limits of their own
		return &deploy.TemporaryError{Reason: deploy.DiskFull, Err: fmt.Errorf(
			"%s: the disk of Docker is full: remove what nobody needs (docker image prune): %w", doing, err)}
	case mentions(err, hostTroubles()...):
		return &deploy.TemporaryError{Reason: deploy.Failed, Err: fmt.Errorf("%s: %w", doing, err)}
	case mentions(err, releaseTroubles()...):
		return &deploy.RejectError{Reason: deploy.CannotStart, Detail: fmt.Sprintf("%s: %s", doing, lastWords(err))}
	}
	return fmt.Errorf("%s: %w", doing, err)
}

// hostTroubles are the engine's words for what may be over in a minute. They are
// looked for first: the container runtime wraps both kinds alike.
func hostTroubles() []string {
	return []string{
		"no space left", "too many open files", "cannot allocate memory", "resource temporarily unavailable", "resource busy",
		"cgroup", "iptables", "could not be found", "is already in use by container",
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
	boundPort    = regexp.MustCompile(`(?:Bind for|listen tcp4?|listen udp4?|host port|host port for) (?:\[\S*?\]|::|[0-9.]*):(\d+)`)
	failedName   = regexp.MustCompile(`container (\S+) (?:is unhealthy|exited)`)
	failedOneOff = regexp.MustCompile(`service "([^"]+)" didn't complete`)
)

// portTaken says which ports of the project are in use, and by whom. Each engine has
// other words for that, so they count only where nothing else is known: a port that is
// free again, or that this process cannot see. Empty: it was not a port.
func (c *Client) portTaken(ctx context.Context, p *types.Project, cause error) string {
	all, err := c.containers(ctx, p.Name)
	if err == nil {
		all = slices.DeleteFunc(all, func(o observed) bool { return len(p.Services) > 0 && p.Services[o.Service].Name == "" })
		var words string
		if words, err = c.taken(ctx, all); words != "" {
			return words
		}
	}
	if err != nil {
		c.log.Debug("nobody knows whose ports are in use", "project", p.Name, "err", err)
	}
	if !mentions(cause, "port is already allocated") && !(mentions(cause, "address already in use") && mentions(cause, "bind", "host port")) {
		return ""
	}
	if port := match(boundPort, cause); port != "" {
		return "port " + port + " is in use by another program on this host"
	}
	return "a port is in use"
}

// dependencyFailed rejects a release one of whose services was waited for in
// vain, with what that service wrote last.
func (c *Client) dependencyFailed(ctx context.Context, p *types.Project, reason deploy.Reason, cause error) error {
	reject := &deploy.RejectError{Reason: reason, Detail: cause.Error()}
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
