package compose

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/docker/docker/api/types/container"

	"tandem/compose/project"
	"tandem/reconciler/deploy"
)

const (
	// sharedRestarts is how often a shared service may end and be started again before it is
	// given up: many a service ends until the database that it needs is there.
	sharedRestarts = 3
	// sharedSettle is how long a service must run that was started again and has no health check.
	sharedSteady = 2 * time.Second
	// lastCheck bounds the question what is still not ready when the time is over, and at its log.
	lastCheck = 10 * time.Second
)

var errSharedLate = errors.New("the time for the shared stack is over")

// pendingService is a container of the shared stack that is not ready, or a service without one.
type pendingService struct {
	observed
	what   string
	failed bool // it does not come to be ready by itself
}

// startShared starts what is dead of the shared stack, and waits until all of it is
// ready: a migration, or a release at its gate, that finds its database still starting
// fails, although nothing is wrong with either. Both together take no longer than the
// gate may.
func (c *Client) startShared(ctx context.Context, app deploy.App, p *types.Project, present []observed, await func(words string)) error {
	deadline, cancel := context.WithTimeoutCause(ctx, app.Gate.Timeout, errSharedLate)
	defer cancel()
	err := c.startDead(deadline, app, p, present)
	if err == nil {
		err = c.awaitShared(deadline, p, await)
	}
	var bad *deploy.RejectError
	switch {
	case err == nil || ctx.Err() != nil:
		return err
	case errors.Is(context.Cause(deadline), errSharedLate):
		return c.sharedLate(ctx, app, p)
	case errors.As(err, &bad) && (bad.Reason == deploy.Unhealthy || bad.Reason == deploy.ContainerExited):
		// One shared service waited for another.
		return sharedError(bad.Detail, bad.Logs)
	default:
		return err
	}
}

// awaitShared returns when the shared stack is ready. The health commands are run at
// once, because the engine runs each for the first time only after a whole interval.
func (c *Client) awaitShared(ctx context.Context, p *types.Project, await func(words string)) error {
	told := false
	for pause := 50 * time.Millisecond; ; pause = min(2*pause, time.Second) {
		pending, err := c.pendingShared(ctx, p)
		if err != nil || len(pending) == 0 {
			return err
		}
		if !told {
			told = true
			await("waits for the shared stack: " + services(pending))
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(pause):
		}
	}
}

// pendingShared returns what of the services of p is not ready. One that failed is an error.
func (c *Client) pendingShared(ctx context.Context, p *types.Project) ([]pendingService, error) {
	all, err := c.containers(ctx, p.Name)
	if err != nil {
		return nil, err
	}
	var pending []pendingService // those first that others may wait for
	for _, o := range all {
		if o.State != "running" || (o.health != container.Starting && o.health != container.Unhealthy) || p.Services[o.Service].Name == "" {
			continue
		}
		var away *deploy.TemporaryError
		switch err := c.Health(ctx, o.Container); {
		case errors.As(err, &away):
			return nil, err
		case ctx.Err() != nil:
			pending = append(pending, pendingService{o, "its health command has not answered", false})
		case err != nil:
			pending = append(pending, pendingService{o, "unhealthy: " + err.Error(), o.health == container.Unhealthy})
		}
	}
	pending = append(pending, pendingIn(project.NewServiceList(p), all, time.Now())...)
	for _, l := range pending {
		if l.failed {
			return nil, c.sharedFailed(ctx, l, fmt.Sprintf("the shared service %s: %s", l.Service, l.what))
		}
	}
	return pending, nil
}

// pendingIn returns what of the shared services can be seen not to be ready, without asking
// any of them. A service that the file does not have any more is waited for by nobody.
func pendingIn(wanted project.ServiceList, all []observed, now time.Time) []pendingService {
	var pending []pendingService
	for _, m := range wanted {
		count := 0
		for _, o := range all {
			if o.Service != m.Name {
				continue
			}
			count++
			if what, failed := pendingReason(o, m, now); what != "" {
				pending = append(pending, pendingService{o, what, failed})
			}
		}
		if count < m.Count {
			none := pendingService{what: "it has no container"}
			none.Service = m.Name
			pending = append(pending, none)
		}
	}
	return pending
}

func pendingReason(o observed, m project.ListedService, now time.Time) (what string, failed bool) {
	age := now.Sub(o.StartedAt)
	switch {
	case o.State == "exited" && m.MayEnd && o.ExitCode == 0:
		return "", false
	case o.State == "exited" || o.State == "dead":
		return fmt.Sprintf("%s ended with %s%s", o.Name, o.HowEnded(), o.IfMeant()), true
	case o.State == "restarting":
		return fmt.Sprintf("%s ends and is started again and again (%s)%s", o.Name, o.HowEnded(), o.IfMeant()), o.Restarts >= sharedRestarts
	case o.State != "running":
		return o.Name + " is " + o.State, false
	case m.OneShot:
		return o.Name + " has not finished", false
	case o.health == "" && o.Restarts > 0 && age >= 0 && age < sharedSteady:
		return fmt.Sprintf("%s ended and was started again (restarts: %d)", o.Name, o.Restarts), false
	default:
		return "", false
	}
}

// sharedLate says what is still not ready.
func (c *Client) sharedLate(ctx context.Context, app deploy.App, p *types.Project) error {
	look, cancel := context.WithTimeout(ctx, lastCheck)
	defer cancel()
	pending, err := c.pendingShared(look, p)
	if err != nil || len(pending) == 0 {
		return err
	}
	var what []string
	for _, l := range pending {
		what = append(what, l.Service+": "+l.what)
	}
	return c.sharedFailed(ctx, pending[0], fmt.Sprintf("the shared stack was not ready within %s (gate.timeout): %s", app.Gate.Timeout, strings.Join(what, "; ")))
}

// sharedFailed shows what the container wrote last.
func (c *Client) sharedFailed(ctx context.Context, l pendingService, what string) error {
	logs := ""
	if l.ID != "" {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastCheck)
		defer cancel()
		var err error
		if logs, err = c.Logs(ctx, l.Container, logLines); err != nil {
			logs = "(no log: " + err.Error() + ")"
		}
	}
	return sharedError(what, logs)
}

// sharedError is temporary: no release is to blame for a shared service, and once that is
// mended nobody need ask for the release again.
func sharedError(what, logs string) error {
	text := what + "; nothing that may need it is started before it is mended"
	if logs != "" {
		text += "\n  | " + strings.ReplaceAll(logs, "\n", "\n  | ")
	}
	return &deploy.TemporaryError{Reason: deploy.Failed, Err: errors.New(text)}
}

// services names the services, each once.
func services(pending []pendingService) string {
	var names []string
	for _, l := range pending {
		names = append(names, l.Service)
	}
	slices.Sort(names)
	return strings.Join(slices.Compact(names), ", ")
}
