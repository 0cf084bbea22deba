package compose

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/docker/docker/api/types/container"
	moby "github.com/moby/moby/client"

	"tandem/compose/project"
)

// The pre_stop hooks of a service are run by whoever stops its container, and a stack is
// stopped when its files may be gone. So a container has its hooks in a label. No secret
// gets there: the rules for the file allow none in a hook.

// preStopTime is how long the hooks of one container may take, where its stop_grace_period
// is not longer: a hook that never ends must not keep a stack from being stopped.
const preStopTime = time.Minute

// ContainerStop runs the container's pre_stop hooks, and stops it whatever came of them:
// a release that is to go goes, and its hook would fail the next time, too.
func (g *guard) ContainerStop(ctx context.Context, id string, o moby.ContainerStopOptions) (moby.ContainerStopResult, error) {
	if err := g.runPreStop(ctx, id); err != nil && ctx.Err() == nil {
		g.client.log.Warn("a pre_stop hook failed, and its container is stopped all the same", "err", err)
	}
	return g.Client.ContainerStop(ctx, id, o)
}

// runPreStop runs the hooks of a container that runs, up to the first that fails.
func (g *guard) runPreStop(ctx context.Context, id string) error {
	info, err := g.ContainerInspect(ctx, id, moby.ContainerInspectOptions{})
	if err != nil {
		return err
	}
	c := info.Container
	if c.Config == nil || c.State == nil || c.Config.Labels[project.LabelPreStop] == "" || c.State.Status != "running" {
		return nil // a frozen one takes no command
	}
	var hooks []types.ServiceHook
	if err := json.Unmarshal([]byte(c.Config.Labels[project.LabelPreStop]), &hooks); err != nil {
		return fmt.Errorf("read the hooks of %s: %w", c.Name, err)
	}
	grace := 0
	if c.Config.StopTimeout != nil {
		grace = *c.Config.StopTimeout
	}
	ctx, cancel := context.WithTimeout(ctx, max(g.client.hookTime, time.Duration(grace)*time.Second))
	defer cancel()
	for _, h := range hooks {
		if h.Privileged && !g.rules.Policy.Allows(project.AllowPrivileged) {
			return errors.New("it asks to be privileged, which this host does not allow")
		}
		code, output, err := g.client.exec(ctx, id, container.ExecOptions{
			Cmd: h.Command, User: h.User, WorkingDir: h.WorkingDir, Env: envOf(h.Environment), Privileged: h.Privileged,
		})
		if ctx.Err() != nil {
			return fmt.Errorf("a hook in %s did not end in time", c.Name)
		}
		if err != nil {
			return fmt.Errorf("run a hook in %s: %w", c.Name, err)
		}
		if code != 0 {
			return fmt.Errorf("a hook in %s exited with status %d: %s", c.Name, code, cmp.Or(output, "it wrote nothing"))
		}
	}
	return nil
}

// envOf writes variables for the engine. One without a value is the container's own.
func envOf(m types.MappingWithEquals) []string {
	var env []string
	for _, key := range slices.Sorted(maps.Keys(m)) {
		if v := m[key]; v != nil {
			env = append(env, key+"="+*v)
		}
	}
	return env
}

// preStopLabel writes hooks for LabelPreStop, "" for none.
func preStopLabel(hooks []types.ServiceHook) string {
	if len(hooks) == 0 {
		return ""
	}
	text, err := json.Marshal(hooks)
	if err != nil {
		panic("lists and maps of words cannot be written: " + err.Error())
	}
	return string(text)
}
