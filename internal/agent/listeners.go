package agent

import "tandem/reconciler/deploy"

// listener hears what happens. It takes everything without blocking, and what
// becomes of it there can neither delay nor fail a deploy.
type listener interface {
	// Handle takes one event. What it points to must not be changed.
	Handle(e deploy.Event)
	// Forget takes word that an app left the repository.
	Forget(app string)
}

// emit is the one stream of events.
func (a *Agent) emit(e deploy.Event) {
	for _, l := range a.listeners {
		l.Handle(e)
	}
	if e.Kind == deploy.StatusChanged && e.Status.Phase == deploy.PhaseLive {
		go a.prune(e.App)
	}
}

func (a *Agent) forget(app string) {
	for _, l := range a.listeners {
		l.Forget(app)
	}
}
