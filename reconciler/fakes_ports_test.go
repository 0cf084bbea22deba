package reconciler

import (
	"context"

	"tandem/reconciler/deploy"
)

// fakePorts chooses from 21000 to 21003 what nothing else on the stage holds, and keeps it
// beside the memory.
type fakePorts struct{ p *process }

func (f fakePorts) Allocate(ctx context.Context, app deploy.App) (filled deploy.App, err error) {
	filled, complete := f.Allocated(app)
	if complete {
		return filled, nil
	}
	err = f.p.call(ctx, "ports.allocate", func() (err error) {
		if f.p.chosen == nil {
			f.p.chosen = deploy.PortTable{}
		}
		filled, err = f.p.chosen.Choose(app, deploy.PortRange{First: 21000, Last: 21003}, func(port int) bool {
			_, held := f.p.strangers[port]
			return held
		})
		return err
	})
	return filled, err
}

func (f fakePorts) Allocated(app deploy.App) (deploy.App, bool) {
	f.p.mu.Lock()
	defer f.p.mu.Unlock()
	return f.p.chosen.Fill(app)
}

func (f fakePorts) Reallocate(ctx context.Context, app string, ports []int) error {
	return f.p.call(ctx, "ports.reallocate", func() error {
		f.p.chosen.Drop(app, ports)
		return nil
	})
}
