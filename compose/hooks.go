package compose

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"

	"github.com/compose-spec/compose-go/v2/types"
	cerrdefs "github.com/containerd/errdefs"
	"github.com/docker/compose/v5/pkg/api"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/filters"

	"tandem/compose/guard"
	"tandem/reconciler/deploy"
)

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
	var hook *guard.HookError
	if errors.As(err, &hook) {
		return &deploy.RejectError{Reason: deploy.CannotStart, Logs: hook.Output, Detail: fmt.Sprintf(
			"start %s: a post_start hook exited with status %d", projectName, hook.Code)}
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
