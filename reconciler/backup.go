package reconciler

import (
	"context"
	"errors"
	"time"

	"tandem/reconciler/deploy"
)

// unhealthyTime is how long a standby that failed its proof as a backup is left alone:
// its trouble may be over then, and a proof takes what the gate is given.
const unhealthyTime = time.Minute

// backupCheck is how one instance of a stack stood its proof as a backup.
type backupCheck struct {
	instance string // Stack.Instance
	fitness  deploy.BackupHealth
	until    time.Time // of Unfit
}

// backupState asks the running Nginx.
func (r *Runner) backupState(ctx context.Context, app deploy.App) (deploy.BackupState, error) {
	if !r.options.Backup.SupportsBackup() {
		return deploy.NoBackup, nil
	}
	backupOn, err := r.options.Backup.BackupActive(ctx, app)
	switch {
	case err != nil:
		return deploy.NoBackup, err
	case backupOn:
		return deploy.BackupActive, nil // also where the policy has none any more: then it has to go
	case app.Standby.Backup == deploy.BackupOff:
		return deploy.NoBackup, nil
	default:
		return deploy.BackupInactive, nil
	}
}

func (r *Runner) backupHealthOf(s deploy.Stack, w *world) deploy.BackupHealth {
	p, ok := r.proven.backups[s.Color]
	if !ok || p.instance != s.Instance() {
		return deploy.BackupUnchecked
	}
	if p.fitness == deploy.BackupUnhealthy {
		if !r.options.Now().Before(p.until) {
			return deploy.BackupUnchecked
		}
		w.at(p.until)
	}
	return p.fitness
}

// proveBackup proves the standby and lets it answer what the live stack cannot. A standby
// that fails is no backup now, and that is no verdict on its release.
func (r *Runner) proveBackup(ctx context.Context, app, of deploy.App, w world, s deploy.Step) error {
	stack, err := r.gateOf(of, s.Color).pass(ctx)
	var bad *deploy.RejectError
	if errors.As(err, &bad) {
		r.proven.backups[s.Color] = backupCheck{w.of(s.Color).Instance(), deploy.BackupUnhealthy, r.options.Now().Add(unhealthyTime)}
		return &unhealthyBackupError{bad}
	}
	if err != nil {
		return err
	}
	r.proven.backups[s.Color] = backupCheck{instance: stack.Instance(), fitness: deploy.BackupProven}
	return r.setBackup(ctx, app, w, true)
}

// setBackup is not cut short: a backup that is half switched off could answer while it
// is being replaced.
func (r *Runner) setBackup(ctx context.Context, app deploy.App, w world, on bool) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), flipTime)
	defer cancel()
	return r.options.Backup.SetBackup(ctx, r.routing(app, &w), on)
}

// unhealthyBackupError says that the standby cannot be a backup now. It ends no pass.
type unhealthyBackupError struct{ why *deploy.RejectError }

func (e *unhealthyBackupError) Error() string { return "the standby is no backup: " + e.why.Error() }
