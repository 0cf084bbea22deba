package reconciler

import (
	"context"
	"strings"

	"tandem/reconciler/deploy"
)

// Preview is what would be done for an app, and why.
type Preview struct {
	Steps  []deploy.Step
	Reason deploy.Reason
	Status deploy.Status // as it would be published now
}

// Preview reads, observes and plans, and executes nothing. The Runner must be
// one that is not running.
func (r *Runner) Preview(ctx context.Context) (Preview, error) {
	ctx, cancel, d, err := r.begin(ctx)
	if err != nil || d == nil {
		return Preview{}, err
	}
	defer r.end()
	defer cancel()
	app, v, err := r.prepare(ctx, *d)
	var steps []deploy.Step
	if err == nil && app != nil {
		v.app = *app
		if v.world, err = r.observe(ctx, *app); err == nil {
			v.world.facts = withProvenBackup(v.world.facts)
			steps, v.reason = deploy.Plan(*app, v.world.facts, r.memory)
		} else {
			steps = r.planUnasked(*app, &v.world)
			if v.world.facts.Unrendered {
				steps = append([]deploy.Step{{Action: deploy.Render}}, steps...)
			}
		}
	}
	v.err = err
	s := r.statusOf(v)
	s.Message = strings.Trim(s.Message+"\n"+v.world.lines, "\n")
	return Preview{Steps: steps, Reason: s.Reason, Status: s}, err
}

// withProvenBackup takes a backup that answers to be proven, as the agent that runs knows: a
// preview has seen nothing itself.
func withProvenBackup(o deploy.Observed) deploy.Observed {
	standby := &o.Blue
	if o.Live == deploy.Blue {
		standby = &o.Green
	}
	if o.Backup == deploy.BackupActive && standby.BackupHealth == deploy.BackupUnchecked {
		standby.BackupHealth = deploy.BackupProven
	}
	return o
}
