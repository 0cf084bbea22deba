package nginx

import "context"

// view is how things look from where Nginx runs.
type environment struct {
	dir      string   // of the generated files
	listen   string   // of the confirm server, as Nginx binds it
	dial     string   // of the confirm server, as this process reaches it
	bridged  bool     // Nginx has a network of its own
	networks []string // the names of Docker's networks that it is in
	pid      int      // the container's first process on this host; 0 without a container
	stopped  string   // why nothing can be run there: the container's state; empty when it runs
}

// look returns the surroundings as they are now: a container may have been
// recreated since the last time.
func (p *Proxy) inspect(ctx context.Context) (environment, error) {
	if p.container != nil {
		return p.inspectContainer(ctx)
	}
	return environment{dir: p.dir, listen: p.confirm, dial: p.confirm}, nil
}
