package compose

import (
	"github.com/compose-spec/compose-go/v2/types"

	"tandem/reconciler"
)

func (f *file) check(projects map[reconciler.Color]*types.Project, allowed policy, host string) reconciler.Faults {
	return nil
}

func (f *file) checkShared(p *types.Project, allowed policy, host string) reconciler.Faults { return nil }

func (f *file) remoteFaults() reconciler.Faults { return nil }

func (f *file) loadFault(err error) error {
	return reconciler.Faults{{File: f.name(), Text: err.Error()}}
}
