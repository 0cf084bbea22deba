package reconciler

import (
	"context"
	"errors"
	"fmt"

	"tandem/reconciler/deploy"
)

// migrationKey names one try of one migration. A process that is killed during
// it finds the same key again, and takes over what goes on; a retry or another
// commit makes a new one, and begins anew.
func (r *Runner) migrationKey(kind deploy.MigrationKind, release deploy.Release) string {
	return fmt.Sprintf("%s %s %d", kind, release.Text(), r.memory.Generation)
}

// migrate runs a migration to its end. The memory says first that it was begun:
// what was cut short must not be taken for something that never was.
func (r *Runner) migrate(ctx context.Context, of deploy.App, s deploy.Step, kind deploy.MigrationKind) error {
	if key := r.migrationKey(kind, s.Release); r.memory.Migrating != key {
		if err := r.options.Migrator.Forget(ctx, of, kind); err != nil {
			return err
		}
		r.memory.Migrating = key
		if err := r.save(); err != nil {
			return err
		}
	}
	return r.options.Migrator.Migrate(ctx, of, s.Color, kind)
}

// expand runs the expand migration; its failure rejects the release.
func (r *Runner) expand(ctx context.Context, of deploy.App, s deploy.Step) error {
	if err := r.countFailure(ctx, of, s, r.migrate(ctx, of, s, deploy.ExpandMigration)); err != nil {
		return err
	}
	r.memory.Expanded = deploy.Latest(r.memory.Expanded, s.Release)
	return r.migrated(ctx, of, deploy.ExpandMigration)
}

// contract raises the barrier, and then runs the contract migration. The release is
// live and passed its watch, so a failure rejects nothing: it is told, and waits
// for a person.
func (r *Runner) contract(ctx context.Context, of deploy.App, w world, s deploy.Step) error {
	if f := r.memory.Barrier; f == nil || f.Release != s.Release {
		r.memory.Raise(s.Release, of.Commit.Hash, w.stacks[0].Release, w.stacks[1].Release)
		if err := r.save(); err != nil {
			return err
		}
	}
	err := r.migrate(ctx, of, s, deploy.ContractMigration)
	var bad *deploy.RejectError
	if errors.As(err, &bad) && r.mayAwait(of, bad) {
		return r.await(s.Release, bad)
	}
	if errors.As(err, &bad) {
		r.memory.ContractFailed = &deploy.Rejection{Release: s.Release, Generation: r.memory.Generation, Reason: bad.Reason, Detail: bad.Detail, Logs: bad.Logs}
		r.options.Emit(deploy.Event{
			Time: r.options.Now(), App: r.options.Name, Kind: deploy.StepFailed, Commit: r.memory.Commit, Step: s,
			Reason: bad.Reason, Message: bad.Detail + indentLogs(bad.Logs), Err: bad,
		})
		return r.save()
	}
	if err != nil {
		return err
	}
	r.memory.ContractFailed = nil
	r.memory.Contracted = deploy.Latest(r.memory.Contracted, s.Release)
	return r.migrated(ctx, of, deploy.ContractMigration)
}

// migrated records the good end before what proves it is removed.
func (r *Runner) migrated(ctx context.Context, of deploy.App, kind deploy.MigrationKind) error {
	r.memory.Migrating = ""
	if err := r.save(); err != nil {
		return err
	}
	return r.options.Migrator.Forget(ctx, of, kind)
}
