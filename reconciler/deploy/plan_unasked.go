package deploy

// PlanUnasked is the plan while Nginx cannot be asked. What was confirmed live is brought
// up again in its own color, and gated: after a boot it may be what Nginx waits for.
// Where the traffic goes nobody knows, so nothing else is done.
func PlanUnasked(app App, o Observed, m Memory) []Step {
	t := m.Live
	app.FilesRefused, o.Live = true, t.Color // neither anything new, nor any other color
	p := newPlanner(app, o, m)
	_, bad := m.Blocked(t.Release)
	_, back := p.wayBack()
	switch {
	case !p.gone(t.Color) && !t.Is(t.Color, o.Of(t.Color).Release):
		return nil // nothing was confirmed, or something else is in its color now
	case bad && back:
		return nil // it is to be taken back
	case m.OnTrial() && !m.Healing && t.Outages >= MostOutages:
		return nil // that it is dead is a verdict, which needs Nginx
	default:
		return p.heal(goal{t.Release, t.Color})
	}
}
