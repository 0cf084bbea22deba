package project

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"
)

// The labels that every container of a stack carries, and that everything known
// about a stack is read from. They are kept out of Compose's config hash, so
// that a new commit of the same release changes no container.
const (
	LabelApp      = "dev.tandem.app"      // the app's name
	LabelColor    = "dev.tandem.color"    // blue, green, or ColorShared
	LabelRelease  = "dev.tandem.release"  // Release.Text; absent in the shared stack
	LabelTag      = "dev.tandem.tag"      // the tag of the release
	LabelCommit   = "dev.tandem.commit"   // the commit that brought the container up
	LabelServices = "dev.tandem.services" // the services the stack consists of: see roster
	LabelRoot     = "dev.tandem.root"     // the directory its files came from, which it may have mounted
	LabelImage    = "dev.tandem.image"    // the image's digest in its registry, if it has one
	LabelConfig   = "dev.tandem.config"   // shared stack: hash of what the service is made from
	LabelPreStop  = "dev.tandem.pre_stop" // the service's pre_stop hooks: see hooksLabel
	LabelRestart  = "dev.tandem.restart"  // singleton: the restart policy it has while it is on duty

	LabelMigration = "dev.tandem.migration" // expand or contract; such a container belongs to no stack
)

// ColorShared is what LabelColor says in the shared stack.
const ColorShared = "shared"

// Member is one service as the roster lists it.
type Member struct {
	Name    string
	Count   int  // containers it should have
	OneShot bool // some other service waits for it to end well
	MayEnd  bool // it may end well: see mayEnd
	Single  bool // it runs in the live color only
}

// Roster lists the services of a stack, so that Docker alone tells that one is
// missing, and which run in the live color only. Its text is
// "api,import:ends,migrate:once,scheduler:single,worker*2": a service name has none of
// these signs in it.
type ServiceList []Member

// NewRoster lists the services of a project that have containers.
func NewServiceList(p *types.Project, singletons ...string) ServiceList {
	var r ServiceList
	for _, name := range p.ServiceNames() {
		s := p.Services[name]
		if n := s.GetScale(); n > 0 {
			r = append(r, Member{Name: name, Count: n, OneShot: isOneShot(p, name), MayEnd: mayEnd(p, name), Single: slices.Contains(singletons, name)})
		}
	}
	return r
}

func isOneShot(p *types.Project, name string) bool {
	for _, s := range p.Services {
		if d, ok := s.DependsOn[name]; ok && d.Condition == types.ServiceConditionCompletedSuccessfully {
			return true
		}
	}
	return false
}

// mayEnd tells whether the file says that the service may end: another one waits for
// that, or it says so itself with restart: "no". Where nothing is written, Compose starts
// no container again either, and nobody has said that it may end. What publishes a port, or
// is a datastore, is there for others: that word about it is left over from development.
func mayEnd(p *types.Project, name string) bool {
	s := p.Services[name]
	if isOneShot(p, name) {
		return true
	}
	var targets []string
	for _, v := range s.Volumes {
		if !v.ReadOnly {
			targets = append(targets, v.Target)
		}
	}
	return SingletonRestart(s) == types.RestartPolicyNo && len(s.Ports) == 0 && len(DataTargets(s.Image, targets)) == 0
}

func (r ServiceList) String() string {
	words := make([]string, len(r))
	for i, m := range r {
		words[i] = m.Name
		if m.Count != 1 {
			words[i] += "*" + strconv.Itoa(m.Count)
		}
		switch {
		case m.OneShot:
			words[i] += ":once"
		case m.MayEnd:
			words[i] += ":ends"
		}
		if m.Single {
			words[i] += ":single"
		}
	}
	return strings.Join(words, ",")
}

// ParseRoster reads what String wrote. Words that it cannot read are left out:
// a label that somebody else wrote must not make a stack look damaged.
func ParseServiceList(s string) ServiceList {
	var r ServiceList
	for word := range strings.SplitSeq(s, ",") {
		word, single := strings.CutSuffix(word, ":single")
		word, once := strings.CutSuffix(word, ":once")
		word, ends := strings.CutSuffix(word, ":ends")
		name, number, many := strings.Cut(word, "*")
		m := Member{Name: name, Count: 1, OneShot: once, MayEnd: once || ends, Single: single}
		if many {
			n, err := strconv.Atoi(number)
			if err != nil {
				continue
			}
			m.Count = n
		}
		if name != "" {
			r = append(r, m)
		}
	}
	slices.SortFunc(r, func(a, b Member) int { return cmp.Compare(a.Name, b.Name) })
	return r
}

// Find returns the service of that name.
func (r ServiceList) Find(name string) (Member, bool) {
	for _, m := range r {
		if m.Name == name {
			return m, true
		}
	}
	return Member{}, false
}
