package agent

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"sync"

	"golang.org/x/sync/semaphore"

	"tandem/internal/lib/atomicfile"
	"tandem/reconciler"
	"tandem/reconciler/deploy"
)

// portAllocator chooses the ports of routes whose file names none, and keeps them in a
// file of the state directory. Where that was lost it finds them in the labels of the
// containers. All apps of the agent share it.
type portAllocator struct {
	file    string
	from    deploy.PortRange
	own     map[int]string                                                        // ports that are the agent's
	found   func(ctx context.Context) (deploy.PortTable, error)                   // what containers of this host have
	holders func(ctx context.Context, ports []int) (map[int]deploy.Holder, error) // who has ports now
	named   func() map[int]bool                                                   // ports that the files of the repository name
	inGit   func(app string) bool
	log     *slog.Logger
	dry     bool // keeps nothing: for a plan

	turn *semaphore.Weighted // one app after the other chooses

	mu      sync.Mutex
	table   deploy.PortTable // nil: not read yet
	damaged bool             // the file makes no sense
}

var _ reconciler.PortAllocator = (*portAllocator)(nil)

// portsFile is where chosen ports are kept.
func portsFile(state string) string { return filepath.Join(state, "ports.json") }

// load reads the file, once in the life of the process. The caller holds the lock.
func (p *portAllocator) load() error {
	if p.table != nil {
		return nil
	}
	data, err := os.ReadFile(p.file)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("read the chosen ports: %w", err)
	}
	table := deploy.PortTable{}
	if err == nil {
		err = errors.Join(json.Unmarshal(data, &table), table.Check())
		if err != nil {
			p.log.Warn("chosen ports not readable; they are looked for in the containers' labels", "file", p.file, "err", err)
			table, p.damaged = deploy.PortTable{}, true
		}
	}
	p.table = table
	return nil
}

// keep writes the table, and makes it the one that counts.
func (p *portAllocator) keep(table deploy.PortTable) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.dry {
		if err := p.save(table); err != nil {
			return fmt.Errorf("save the chosen ports: %w", err)
		}
	}
	p.table = table
	return nil
}

func (p *portAllocator) save(table deploy.PortTable) error {
	data, err := json.MarshalIndent(table, "", "  ")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(p.file), 0o700); err != nil {
		return err
	}
	if p.damaged { // for a person to look at
		if err := os.Rename(p.file, p.file+".bad"); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		p.damaged = false
	}
	return atomicfile.Write(p.file, append(data, '\n'), 0o600)
}

// copy is the table as it is now, for a change.
func (p *portAllocator) copy() (deploy.PortTable, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := p.load(); err != nil {
		return nil, err
	}
	return p.table.Clone(), nil
}

// Allocated implements reconciler.PortAllocator.
func (p *portAllocator) Allocated(app deploy.App) (deploy.App, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	_ = p.load() // then nothing was chosen, as far as is known
	return p.table.Fill(app)
}

// Conflicts finds ports that the app's file names and that were chosen for another route.
func (p *portAllocator) Conflicts(app deploy.App) deploy.Faults {
	p.mu.Lock()
	defer p.mu.Unlock()
	_ = p.load() // as above
	return p.table.Conflicts(app)
}

// Allocate implements reconciler.PortAllocator.
func (p *portAllocator) Allocate(ctx context.Context, app deploy.App) (deploy.App, error) {
	if filled, complete := p.Allocated(app); complete {
		return filled, nil
	}
	if err := p.turn.Acquire(ctx, 1); err != nil {
		return deploy.App{}, err
	}
	defer p.turn.Release(1)
	table, err := p.copy()
	if err != nil {
		return deploy.App{}, err
	}
	found, err := p.found(ctx)
	if err != nil {
		return deploy.App{}, fmt.Errorf("see which ports were chosen before: %w", err)
	}
	table.Adopt(app.Name, found[app.Name])
	if filled, complete := table.Fill(app); complete {
		return filled, p.keep(table)
	}
	delete(found, app.Name)
	used, err := p.used(ctx, found)
	if err != nil {
		return deploy.App{}, err
	}
	filled, err := table.Choose(app, p.from, used)
	if _, full := deploy.AsFaults(err); full && p.tidy(table) {
		filled, err = table.Choose(app, p.from, used)
	}
	if err != nil {
		return deploy.App{}, err
	}
	return filled, p.keep(table)
}

// used tells which ports of the range cannot be had now, the table aside: those of the
// agent, those that a file names, those of other agents' apps, and what somebody listens on.
func (p *portAllocator) used(ctx context.Context, found deploy.PortTable) (func(int) bool, error) {
	held, err := p.holders(ctx, p.from.Ports())
	if err != nil {
		return nil, fmt.Errorf("see which ports are free: %w", err)
	}
	named := p.named()
	return func(port int) bool {
		h, taken := held[port]
		_, own := p.own[port]
		_, _, others := found.Owner(port)
		return own || named[port] || others || taken && !h.Unknown
	}, nil
}

// tidy takes away what was chosen for apps that are not in the repository any more. It is
// done where the range is full. What their containers were made with stays in use.
func (p *portAllocator) tidy(table deploy.PortTable) (some bool) {
	for app := range table {
		if !p.inGit(app) {
			delete(table, app)
			some = true
		}
	}
	return some
}

// Reallocate implements reconciler.PortAllocator.
func (p *portAllocator) Reallocate(ctx context.Context, app string, ports []int) error {
	return p.change(ctx, app, func(table deploy.PortTable) { table.Drop(app, ports) })
}

// forget takes back the ports of an app that was removed.
func (p *portAllocator) forget(ctx context.Context, app string) error {
	return p.change(ctx, app, func(table deploy.PortTable) { delete(table, app) })
}

// change changes what the table has of an app, if it has something.
func (p *portAllocator) change(ctx context.Context, app string, do func(deploy.PortTable)) error {
	if err := p.turn.Acquire(ctx, 1); err != nil {
		return err
	}
	defer p.turn.Release(1)
	table, err := p.copy()
	if err != nil || len(table[app]) == 0 {
		return err
	}
	do(table)
	return p.keep(table)
}

// preview chooses as the agent would, and keeps nothing.
func (p *portAllocator) preview() *portAllocator {
	return &portAllocator{file: p.file, from: p.from, own: p.own, found: p.found, holders: p.holders, named: p.named, inGit: p.inGit, log: p.log, dry: true, turn: semaphore.NewWeighted(1)}
}
