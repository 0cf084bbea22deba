package reconciler

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"tandem/reconciler/deploy"
)

// fakeBackup is Nginx's second flag.
type fakeBackup struct{ p *process }

func (f fakeBackup) SupportsBackup() bool { return true }

func (f fakeBackup) BackupActive(ctx context.Context, _ deploy.App) (backupOn bool, err error) {
	err = f.p.call(ctx, "backup.active", func() error {
		backupOn = f.p.backupOn
		return nil
	})
	return backupOn, err
}

func (f fakeBackup) SetBackup(ctx context.Context, _ deploy.App, on bool) error {
	return f.p.call(ctx, "backup.set", func() error {
		w := f.p.stage
		c := w.live.Other()
		if a := w.stacks[c]; on && (a == nil || a.row < 3 || !slices.Contains(w.saved.Passed, a.release)) {
			w.offend("%s became a backup without a proof", c)
		}
		w.backupOn = on
		return nil
	})
}

// backups notes an offence when the stack is touched while it is a backup.
func (w *stage) backups(c deploy.Color, what string) {
	if w.backupOn && c != w.live {
		w.offend("%s was %s while it was a backup", c, what)
	}
}

type fakeSingletons struct{ p *process }

func (f fakeSingletons) StopSingletons(ctx context.Context, _ deploy.App, c deploy.Color) error {
	return f.p.call(ctx, "singletons.stop", func() error {
		if a := f.p.stacks[c]; a != nil {
			a.singletonsRun = false
		}
		return nil
	})
}

func (f fakeSingletons) StartSingletons(ctx context.Context, app deploy.App, c deploy.Color) error {
	return f.p.call(ctx, "singletons.start", func() error {
		w := f.p.stage
		if spoiled(app) {
			return &deploy.FilesChangedError{Release: app.Release, Root: app.Root}
		}
		if a := w.stacks[c.Other()]; a != nil && a.singletonsRun {
			w.offend("two singletons at the same time: %s was started while %s ran", c, c.Other())
		}
		if c != w.live || w.stacks[c].release != app.Release {
			w.offend("the singletons of %s were engaged in %s, which is not live with it", app.Release, c)
		}
		w.stacks[c].singletonsRun = len(app.Singletons) > 0
		return nil
	})
}

// run is a migration that was begun and not forgotten.
type run struct{ code int }

// fakeShared has one service, which is of the commit that it was made for.
type fakeShared struct{ p *process }

func (f fakeShared) SharedDue(ctx context.Context, app deploy.App) (due bool, err error) {
	err = f.p.call(ctx, "shared.due", func() error {
		due = f.p.sharedWant != "" && f.p.sharedHas != f.p.sharedWant
		return nil
	})
	return due, err
}

func (f fakeShared) UpShared(ctx context.Context, _ deploy.App, _ func(string)) error {
	return f.p.call(ctx, "shared.up", func() error {
		f.p.sharedHas = f.p.sharedWant
		return nil
	})
}

type fakeMigrator struct{ p *process }

func (f fakeMigrator) Migrate(ctx context.Context, app deploy.App, _ deploy.Color, kind deploy.MigrationKind) error {
	return f.p.call(ctx, "migrator.migrate", func() error {
		w, key := f.p.stage, string(kind)+" "+app.Tag
		if kind == deploy.ContractMigration {
			w.mayContract(app.Release)
		}
		if err := w.missing(app, string(kind)); err != nil {
			return err
		}
		if w.migrations[key] == nil {
			fate := w.fates[app.Tag]
			w.ran = append(w.ran, key)
			w.migrations[key] = &run{map[deploy.MigrationKind]int{deploy.ExpandMigration: fate.expand, deploy.ContractMigration: fate.contract}[kind]}
		}
		if code := w.migrations[key].code; code != 0 {
			return &deploy.RejectError{Reason: deploy.MigrationFailed, Detail: fmt.Sprintf("%s ended with exit code %d", kind, code)}
		}
		return nil
	})
}

// mayContract notes an offence when something that needs the old columns runs.
func (w *stage) mayContract(r deploy.Release) {
	for _, c := range deploy.Colors() {
		if s := w.stackOf(c); (s.Condition == deploy.Running || s.Condition == deploy.Broken) && s.Release != r {
			w.offend("the contract of %s began while %s ran in %s", r, s.Release, c)
		}
	}
	if !slices.Contains(w.saved.Passed, r) {
		w.offend("the contract of %s began before its watch had passed", r)
	}
	if f := w.saved.Barrier; f == nil || f.Release != r {
		w.offend("the contract of %s began before the barrier was saved", r)
	}
}

func (f fakeMigrator) Forget(ctx context.Context, app deploy.App, kind deploy.MigrationKind) error {
	return f.p.call(ctx, "migrator.forget", func() error {
		delete(f.p.migrations, string(kind)+" "+app.Tag)
		return nil
	})
}

// expanded tells whether the expand migration of r came to a good end, as far as
// anybody still knows.
func (w *stage) expanded(r deploy.Release) bool {
	x := w.migrations[string(deploy.ExpandMigration)+" "+r.Tag]
	return x != nil && x.code == 0 || slices.Contains(w.saved.Expanded, r)
}

type fakeJanitor struct{ p *process }

func (f fakeJanitor) Images(ctx context.Context, s deploy.Stack) (images []deploy.Image, err error) {
	err = f.p.call(ctx, "pruner.images", func() error {
		id := "sha256:" + s.Release.Hash
		f.p.images[id] = "shop:" + s.Release.Tag
		i := deploy.Image{Ref: "shop:" + s.Release.Tag, ID: id, Digest: id}
		if strings.HasSuffix(s.Release.Tag, "-built") {
			i.Digest = "" // on this host, so that no registry has it
		}
		images = []deploy.Image{i}
		return nil
	})
	return images, err
}

func (f fakeJanitor) RemoveImages(ctx context.Context, images []deploy.Image) (gone []deploy.Image, err error) {
	err = f.p.call(ctx, "pruner.remove", func() error {
		w := f.p.stage
		for _, i := range images {
			for _, c := range deploy.Colors() {
				if s := w.stackOf(c); "sha256:"+s.Release.Hash == i.ID {
					w.offend("the image of %s was removed, which %s has", s.Release, c)
				}
			}
			delete(w.images, i.ID)
		}
		gone = images
		return nil
	})
	return gone, err
}

func (f fakeJanitor) PruneNetworks(ctx context.Context) (gone int, err error) {
	err = f.p.call(ctx, "pruner.networks", func() error {
		gone, f.p.stage.networks = f.p.stage.networks, 0
		return nil
	})
	return gone, err
}

type fakeReverter struct{ p *process }

func (f fakeReverter) Revert(ctx context.Context, _, _, good, _ string) error {
	return f.p.call(ctx, "reverter.revert", func() error {
		if f.p.protected {
			return &deploy.RevertRefusedError{Words: "main is protected"}
		}
		if n := len(f.p.reverts); n == 0 || f.p.reverts[n-1] != good {
			f.p.reverts = append(f.p.reverts, good) // like git, it does nothing when that is how it is
		}
		return nil
	})
}
