package agent

import (
	"context"
	"fmt"
	"maps"
	"os"
	"slices"

	"tandem/reconciler"
	"tandem/reconciler/deploy"
)

// AppPlan is what would be done for one app.
type AppPlan struct {
	App     string
	Desired deploy.StatusDesired
	Live    *deploy.StatusLive
	Reason  deploy.Reason
	Message string
	Steps   []deploy.Step
	Err     error // why it could not be planned
}

// Plan says what would be done for each app, sorted by app. It changes nothing
// and needs no lock, so it may run beside the agent.
func (a *Agent) Plan(ctx context.Context) ([]AppPlan, error) {
	rev, err := a.source.Peek(ctx)
	if err != nil {
		return nil, err
	}
	trees, err := os.MkdirTemp("", "tandem-plan-")
	if err != nil {
		return nil, fmt.Errorf("make a directory for the apps' files: %w", err)
	}
	defer func() { _ = os.RemoveAll(trees) }() // a leftover in the temporary directory harms nobody
	var out []AppPlan
	desired, ports := a.apps.read(rev), a.ports.preview()
	for _, name := range slices.Sorted(maps.Keys(desired)) {
		memory, err := loadMemory(a.cfg.State, name)
		if err != nil {
			a.log.Warn("memory not readable; the plan is that of an agent without one", "app", name, "err", err)
		}
		o := a.options(name, memory)
		o.Trees = trees
		o.Stacks = redactingStacks{a.stacks, a.vault.Redactor} // whosever they are: looking takes nothing from anybody
		o.Ports = ports
		o.Save = func(deploy.Memory) error { return nil }
		o.Emit = func(deploy.Event) {}
		r := reconciler.NewRunner(o)
		r.Offer(desired[name])
		p, err := r.Preview(ctx)
		out = append(out, AppPlan{
			App: name, Desired: p.Status.Desired, Live: p.Status.Live,
			Reason: p.Reason, Message: p.Status.Message, Steps: p.Steps, Err: err,
		})
	}
	return out, ctx.Err()
}
