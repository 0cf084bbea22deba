package deploy

import "slices"

// The kinds of access.
const (
	AccessClosed Access = iota // not at all
	AccessAsItIs               // where it does so already
	AccessTaken                // something else holds the port: as AsItIs, but not where requests could come to it now
	AccessOpen                 // yes
)

// Holder is who takes the connections to one port.
type Holder struct {
	Container string // the id of the container that publishes the port; empty: a program of the host
	Unknown   bool   // nobody can tell: the engine is not on this host
	Words     string // who it is, for people
	App       string // whose stack the container belongs to; empty: nobody's
}

// Access says whether Nginx may send requests to the port of a route in one color.
type Access int

func (a Access) String() string { return [...]string{"closed", "as it is", "taken", "open"}[a] }

// Accesses are those of one route, one a color. The zero value lets nothing through.
type Accesses struct{ Blue, Green Access }

// Of returns the access of one color.
func (a Accesses) Of(c Color) Access {
	if c == Green {
		return a.Green
	}
	return a.Blue
}

// Set changes the access of one color.
func (a *Accesses) Set(c Color, to Access) {
	if c == Green {
		a.Green = to
	} else {
		a.Blue = to
	}
}

// Publishes tells whether the holder is a container of the stack that belongs to the
// service.
func (s Stack) Publishes(h Holder, service string) bool {
	return h.Container != "" && slices.ContainsFunc(s.Containers, func(c Container) bool {
		return c.ID == h.Container && (service == "" || c.Service == service)
	})
}
