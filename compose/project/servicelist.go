package project

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"
)

// ListedService is one service of a ServiceList.
type ListedService struct {
	Name      string
	Count     int  // containers it should have
	OneShot   bool // some other service waits for it to end well
	MayEnd    bool // it may end well: see mayEnd
	Singleton bool // it runs in the live color only
}

// ServiceList lists the services of a stack, so that Docker alone tells that one is
// missing, and which run in the live color only. Its text is
// "api,import:ends,migrate:once,scheduler:single,worker*2": a service name has none of
// these signs in it.
type ServiceList []ListedService

// NewServiceList lists the services of a project that have containers.
func NewServiceList(p *types.Project, singletons ...string) ServiceList {
	var r ServiceList
	for _, name := range p.ServiceNames() {
		s := p.Services[name]
		if n := s.GetScale(); n > 0 {
			r = append(r, ListedService{Name: name, Count: n, OneShot: isOneShot(p, name), MayEnd: mayEnd(p, name), Singleton: slices.Contains(singletons, name)})
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
	return RestartPolicy(s) == types.RestartPolicyNo && len(s.Ports) == 0 && len(DataDirectories(s.Image, targets)) == 0
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
		if m.Singleton {
			words[i] += ":single"
		}
	}
	return strings.Join(words, ",")
}

// ParseServiceList reads what String wrote. Words that it cannot read are left out:
// a label that somebody else wrote must not make a stack look damaged.
func ParseServiceList(s string) ServiceList {
	var r ServiceList
	for word := range strings.SplitSeq(s, ",") {
		word, single := strings.CutSuffix(word, ":single")
		word, once := strings.CutSuffix(word, ":once")
		word, ends := strings.CutSuffix(word, ":ends")
		name, number, many := strings.Cut(word, "*")
		m := ListedService{Name: name, Count: 1, OneShot: once, MayEnd: once || ends, Singleton: single}
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
	slices.SortFunc(r, func(a, b ListedService) int { return cmp.Compare(a.Name, b.Name) })
	return r
}

// Find returns the service of that name.
func (r ServiceList) Find(name string) (ListedService, bool) {
	for _, m := range r {
		if m.Name == name {
			return m, true
		}
	}
	return ListedService{}, false
}

// RestartPolicy is the restart policy of a service as one word, "on-failure:3".
func RestartPolicy(s types.ServiceConfig) string {
	text := s.Restart
	if s.Deploy != nil && s.Deploy.RestartPolicy != nil {
		// As in Compose, it wins over restart.
		text = s.Deploy.RestartPolicy.Condition
		if n := s.Deploy.RestartPolicy.MaxAttempts; n != nil {
			text += ":" + strconv.FormatUint(*n, 10)
		}
	}
	switch name, _, _ := strings.Cut(text, ":"); name {
	case "any", types.RestartPolicyAlways:
		return types.RestartPolicyUnlessStopped
	case "none":
		return types.RestartPolicyNo
	}
	return text
}
