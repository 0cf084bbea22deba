package project

import (
	"tandem/compose/project/composefile"
	"tandem/reconciler/deploy"
)

// DefaultAppsDir is where the host directories of apps are, unless the agent's file says
// another place.
const DefaultAppsDir = "/etc/tandem/apps"

// newUnset is told of the variables without a value. Where the app may run on another
// machine, only that one knows all values.
func (l *Loader) newUnset(app deploy.App, here map[string]bool) *composefile.Unset {
	return &composefile.Unset{HostDir: l.hostDir(app), Here: here, Elsewhere: l.elsewhere && !l.hasHostDir(app)}
}

// withUnset adds what is to be told of variables without a value to what came of the files.
func withUnset(r *Resolution, err error, unset *composefile.Unset) (*Resolution, error) {
	if !unset.Any() {
		if err == nil {
			r.Notes = append(r.Notes, unset.Notes()...)
		}
		return r, err
	}
	faults, refused := deploy.AsFaults(err)
	switch {
	case err != nil && !refused:
		return r, err
	case refused && unset.Elsewhere && len(unset.Plausible(faults)) == 0:
		return nil, unset.Unreadable()
	case unset.Elsewhere && err != nil:
		return nil, unset.Plausible(faults)
	case unset.Elsewhere:
		r.Notes = append(r.Notes, unset.Notes()...)
		return r, nil
	}
	return nil, composefile.SortFaults(append(unset.Faults(), unset.Plausible(faults)...))
}
