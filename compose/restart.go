package compose

import (
	"context"
	"strconv"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/docker/docker/api/types/container"

	"tandem/compose/project"
	"tandem/reconciler/deploy"
)

// A singleton that was stopped must not come back by itself, or two would run.
// With restart: always the daemon starts it again when it is restarted itself,
// although it was stopped; with on-failure too, because a stopped container
// mostly ended with a code other than 0. With unless-stopped it does not. So
// always becomes unless-stopped, which is the same until somebody stops it, and
// on-failure is taken away for as long as the singleton is off duty.

// withDutyRestart gives a singleton the policy it has on duty, and notes it in
// a label, to be found again when it was taken away.
func withSingletonRestart(s types.ServiceConfig) types.ServiceConfig {
	s.Restart = project.RestartPolicy(s)
	if s.Deploy != nil {
		s.Deploy.RestartPolicy = nil
	}
	if s.Restart != "" {
		s.CustomLabels = s.CustomLabels.Add(project.LabelRestart, s.Restart)
	}
	return s
}

// standDown makes sure that the engine starts no singleton of the stack again.
// It comes after the stop, because the engine changes the policy of no container
// that it is just restarting.
func (c *Client) disableRestart(ctx context.Context, app deploy.App, color deploy.Color) error {
	all, err := c.containers(ctx, app.Project(color))
	if err != nil {
		return err
	}
	for _, o := range singletonsOf(all) {
		if o.restart.IsAlways() || o.restart.IsOnFailure() {
			if err := c.setRestart(ctx, o, container.RestartPolicy{Name: container.RestartPolicyDisabled}); err != nil {
				return err
			}
		}
	}
	return nil
}

// standUp gives the singletons back the policies that standDown took away.
func (c *Client) enableRestart(ctx context.Context, singles []observed) error {
	for _, o := range singles {
		want := parseRestart(o.labels[project.LabelRestart])
		if want.Name != "" && o.restart != want {
			if err := c.setRestart(ctx, o, want); err != nil {
				return err
			}
		}
	}
	return nil
}

func (c *Client) setRestart(ctx context.Context, o observed, p container.RestartPolicy) error {
	_, err := c.engine.ContainerUpdate(ctx, o.ID, container.UpdateConfig{RestartPolicy: p})
	return engineError(ctx, "change the restart policy of "+o.Name, err)
}

// parseRestart reads what dutyRestart wrote.
func parseRestart(text string) container.RestartPolicy {
	name, number, _ := strings.Cut(text, ":")
	n, err := strconv.Atoi(number)
	if err != nil {
		n = 0 // no limit
	}
	return container.RestartPolicy{Name: container.RestartPolicyMode(name), MaximumRetryCount: n}
}
