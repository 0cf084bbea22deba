package project

import (
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strconv"

	"github.com/compose-spec/compose-go/v2/types"

	"tandem/reconciler/deploy"
)

// How much an app may ask for: its services of one color, the shared ones and the
// migrations together. Each is far more than an honest app has, and little enough for
// an agent that looks after many. What the files are made of is bounded before they
// are loaded: see sizes.go and growth.go. maxPorts, published or exposed and with ranges
// written out, is in ports.go.
const (
	maxServices   = 200     // those of inactive profiles, and those that others only extend, too
	maxReferences = 200     // include and extends with a file
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
func (r *Resolution) budgetFaults(stack, shared *file) (grave, rest deploy.Faults) {
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
	return inOrder(grave), inOrder(rest)
}

// project counts what costs as much as it is written out.
func (b *budget) project(f *file, p *types.Project) {
	c := f.checker(p, HostRules{})
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
		exposed += portsOf(port)
	}
	b.spend(c, &b.ports, exposed, maxPorts, at(name, "expose"), "ports")
	published := 0
	for _, port := range s.Ports {
		published += portsOf(port.Published)
	}
	b.spend(c, &b.ports, published, maxPorts, at(name, "ports"), "ports")
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
func (b *budget) replicas(f *file, p *types.Project) {
	c := f.checker(p, HostRules{})
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

var portRange = regexp.MustCompile(`(\d+)-(\d+)`)

// portsOf is how many ports the short form stands for.
func portsOf(text string) int {
	n := 1
	for _, m := range portRange.FindAllStringSubmatch(text, -1) {
		first, errFirst := strconv.Atoi(m[1])
		last, errLast := strconv.Atoi(m[2])
		if errFirst == nil && errLast == nil && last > first {
			n = max(n, min(last-first, maxPorts)+1)
		}
	}
	return n
}

// variableBytes finds services whose files with variables are too many together: each
// service has them all to itself.
func (f *file) variableBytes(p *types.Project) error {
	total := int64(0)
	for _, name := range p.ServiceNames() {
		files := slices.Clone(p.Services[name].LabelFiles)
		for _, e := range p.Services[name].EnvFiles {
			files = append(files, e.Path)
		}
		for _, full := range files {
			data, _ := f.variablesIn(full) // what cannot be read is told when it is wanted
			total += int64(len(data))
		}
		if total > maxText {
			file, line := f.source.locate(at(name, "env_file")...)
			return deploy.Faults{{File: file, Line: line, Path: shown(at(name, "env_file")), Text: fmt.Sprintf(
				"with these the services get more than %d MiB from files with variables: give each service what it needs", maxText>>20)}}
		}
	}
	return nil
}
