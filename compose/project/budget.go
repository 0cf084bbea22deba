package project

import (
	"reflect"
	"slices"

	"github.com/compose-spec/compose-go/v2/types"

	"tandem/compose/project/composefile"
	"tandem/reconciler/deploy"
)

// How much an app may ask for: its services of one color, the shared ones and the
// migrations together. Each is far more than an honest app has, and little enough for
// an agent that looks after many. What the files are made of is bounded before they
// are loaded: see package composefile, which has MaxPorts, too.
const (
	maxContainers = 100     // replicas are containers
	maxNetworks   = 100     // that the files declare
	maxJoins      = 1000    // places of containers on networks
	maxMounts     = 1000    // volumes, secrets, configs, devices and tmpfs of services, and what is declared of them
	maxValues     = 10_000  // single values: variables, labels, options, words of commands, …
	maxText       = 4 << 20 // bytes of those
)

// budget counts what an app asks for, and says where it is too much.
type budget struct {
	containers, ports, networks, joins, mounts, values, text int

	faults deploy.Faults
}

// budgetFaults finds what the app asks too much of. Some of it makes its check alone
// too slow; that is told first, and alone.
func (r *Resolution) budgetFaults(stack, shared *composefile.File) (grave, rest deploy.Faults) {
	for _, color := range deploy.Colors() {
		var b budget
		b.project(stack, r.Colored[color])
		if r.Shared != nil {
			b.project(shared, r.Shared)
		}
		grave = append(grave, b.faults...)
		b.faults = nil
		b.replicas(stack, r.Colored[color])
		if r.Shared != nil {
			b.replicas(shared, r.Shared)
		}
		rest = append(rest, b.faults...)
	}
	return composefile.SortFaults(grave), composefile.SortFaults(rest)
}

// project counts what costs as much as it is written out.
func (b *budget) project(f *composefile.File, p *types.Project) {
	c := newChecker(f, p, hostRules{})
	for _, name := range p.ServiceNames() {
		b.service(c, name, p.Services[name])
	}
	b.spend(c, &b.networks, len(p.Networks), maxNetworks, []string{"networks"}, "networks")
	b.spend(c, &b.mounts, len(p.Volumes)+len(p.Secrets)+len(p.Configs), maxMounts, []string{"volumes"}, "volumes, secrets, configs and mounts")
	for what, v := range map[string]any{"networks": p.Networks, "volumes": p.Volumes, "secrets": p.Secrets, "configs": p.Configs} {
		b.weigh(c, []string{what}, v)
	}
	b.faults = append(b.faults, c.faults...)
}

func (b *budget) service(c *checker, name string, s types.ServiceConfig) {
	exposed := 0
	for _, port := range s.Expose {
		exposed += composefile.CountPorts(port)
	}
	b.spend(c, &b.ports, exposed, composefile.MaxPorts, at(name, "expose"), "ports")
	published := 0
	for _, port := range s.Ports {
		published += composefile.CountPorts(port.Published)
	}
	b.spend(c, &b.ports, published, composefile.MaxPorts, at(name, "ports"), "ports")
	mounts := len(s.Volumes) + len(s.VolumesFrom) + len(s.Secrets) + len(s.Configs) + len(s.Devices) + len(s.Tmpfs)
	b.spend(c, &b.mounts, mounts, maxMounts, at(name, "volumes"), "volumes, secrets, configs and mounts")
	b.weigh(c, at(name), s)
}

// weigh counts the single values, whatever they are called: a list of names would
// lack the next one that Compose thinks of.
func (b *budget) weigh(c *checker, where []string, v any) {
	values, text := valuesOf(reflect.ValueOf(v))
	b.spend(c, &b.values, values, maxValues, where, "values (variables, labels, options, …)")
	if before := b.text; before <= maxText {
		if b.text += text; b.text > maxText {
			c.fault(where, "with this the app has more than %d MiB of text in its values: mount what is so long from a file", maxText>>20)
		}
	}
}

// spend adds to one count, and a fault where that becomes too much. It is told once.
func (b *budget) spend(c *checker, count *int, n, most int, where []string, what string) {
	if *count > most {
		return
	}
	if *count += min(n, most+1); *count > most {
		c.fault(where, "with these the app has more than %d %s: leave out what is not needed, or make several apps of it", most, what)
	}
}

// replicas counts the containers, and how often they join networks.
func (b *budget) replicas(f *composefile.File, p *types.Project) {
	c := newChecker(f, p, hostRules{})
	for _, name := range p.ServiceNames() {
		s := p.Services[name]
		where := at(name, "deploy", "replicas")
		if s.Scale != nil {
			where = at(name, "scale")
		}
		n := min(max(s.GetScale(), 0), maxContainers+1)
		if b.containers <= maxContainers {
			if b.containers += n; b.containers > maxContainers {
				c.fault(where, "with %d of %s the app has more than %d containers: write a smaller number", s.GetScale(), name, maxContainers)
			}
		}
		b.spend(c, &b.joins, n*len(s.Networks), maxJoins, at(name, "networks"), "places on networks")
	}
	b.faults = append(b.faults, c.faults...)
}

// onNewLines leaves out those that stand where somebody else found a fault already.
func onNewLines(found, more deploy.Faults) deploy.Faults {
	return slices.DeleteFunc(more, func(f deploy.Fault) bool {
		return slices.ContainsFunc(found, func(o deploy.Fault) bool { return o.File == f.File && o.Line == f.Line })
	})
}

// valuesOf counts the single values in v, and the bytes of their text.
func valuesOf(v reflect.Value) (values, text int) {
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		if !v.IsNil() {
			return valuesOf(v.Elem())
		}
	case reflect.Struct:
		for i := range v.NumField() {
			n, t := valuesOf(v.Field(i))
			values, text = values+n, text+t
		}
	case reflect.Slice, reflect.Array:
		for i := range v.Len() {
			n, t := valuesOf(v.Index(i))
			values, text = values+max(n, 1), text+t
		}
	case reflect.Map:
		for entries := v.MapRange(); entries.Next(); {
			n, t := valuesOf(entries.Value())
			values, text = values+max(n, 1), text+t+len(entries.Key().String())
		}
	case reflect.String:
		if v.Len() > 0 {
			return 1, v.Len()
		}
	default:
		if !v.IsZero() {
			return 1, 0
		}
	}
	return values, text
}
