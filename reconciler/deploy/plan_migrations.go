package deploy

// expand is the migration that has to run before g is brought up: once for each
// release, and not when a stack of it exists, which it ran for.
func (p planner) expand(g goal) []Step {
	m := p.app.Migrations.Expand
	if m == "" || g.release != p.app.Release || p.m.HasExpanded(g.release) {
		return nil
	}
	for _, c := range Colors() {
		if p.o.Of(c).Release == g.release {
			return nil
		}
	}
	return []Step{{Expand, g.color, g.release}}
}

// contractDue tells whether the release that is live and has passed its watch
// names a contract migration that did not run yet.
func (p planner) contractDue(g goal) bool {
	return p.app.Migrations.Contract != "" && g.release == p.app.Release && p.m.HasPassed(g.release) && !p.m.HasContracted(g.release)
}

// contract runs that migration, when nothing older runs any more that could need
// what it takes away. One that failed is not tried again until git says something
// new: nil then.
func (p planner) contract(g goal) []Step {
	if x := p.m.ContractFailed; x != nil && x.Release == g.release && x.Generation == p.m.Generation {
		return nil
	}
	var steps []Step
	other := g.color.Other()
	if s := p.o.Of(other); s.Release != g.release && !p.idle(other) {
		steps = append(p.drain(other), Step{Retire, other, s.Release})
	}
	return append(steps, Step{Contract, g.color, g.release})
}
