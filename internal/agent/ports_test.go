package agent

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sync/semaphore"

	"tandem/reconciler/deploy"
)

// portHost is what an allocator of a test finds on its host.
type portHost struct {
	state string
	found deploy.PortTable
	held  map[int]deploy.Holder
	named map[int]bool
	git   map[string]bool
	away  error // why Docker does not answer
	asked int
}

func (h *portHost) allocator() *portAllocator {
	return &portAllocator{
		file: portsFile(h.state), from: deploy.PortRange{First: 21000, Last: 21005}, own: map[int]string{21000: "listen"},
		found:   func(context.Context) (deploy.PortTable, error) { h.asked++; return h.found.Clone(), h.away },
		holders: func(context.Context, []int) (map[int]deploy.Holder, error) { return h.held, nil },
		named:   func() map[int]bool { return h.named }, inGit: func(app string) bool { return h.git[app] },
		log: slog.New(slog.DiscardHandler), turn: semaphore.NewWeighted(1),
	}
}

func portless(name string) deploy.App {
	return deploy.App{Name: name, File: name + "/tandem.yaml", Routes: []deploy.Route{{Name: "web"}}}
}

func wantPorts(t *testing.T, p *portAllocator, app string, want deploy.Ports) {
	t.Helper()
	got, err := p.Allocate(t.Context(), portless(app))
	if err != nil {
		t.Fatal(err)
	}
	if got.Routes[0].Ports != want || !got.Routes[0].PortsChosen {
		t.Errorf("%s has %+v, want %v", app, got.Routes[0], want)
	}
}

func TestPorts_AreKeptOverRestartsAndFreeWhenTheyAreChosen(t *testing.T) {
	h := &portHost{state: filepath.Join(t.TempDir(), "state"), named: map[int]bool{21002: true}, held: map[int]deploy.Holder{21003: database, 21001: {Unknown: true}}}
	wantPorts(t, h.allocator(), "shop", deploy.Ports{Blue: 21001, Green: 21004})
	h.named, h.held, h.asked = nil, map[int]deploy.Holder{21001: {Container: "shop-blue-web-1"}}, 0
	wantPorts(t, h.allocator(), "shop", deploy.Ports{Blue: 21001, Green: 21004})
	if h.asked > 0 {
		t.Error("Docker was asked for what is kept")
	}
	wantPorts(t, h.allocator(), "blog", deploy.Ports{Blue: 21002, Green: 21003})
	if faults := h.allocator().Conflicts(deploy.App{Name: "zoo", Routes: []deploy.Route{{Name: "web", Ports: deploy.Ports{Blue: 3001, Green: 21004}}}}); len(faults) != 1 {
		t.Errorf("another app names a chosen port: %v", faults)
	}
}

var database = deploy.Holder{Words: "the program postgres (pid 7)"}

func TestPorts_AreFoundInContainersWhereTheStateIsLost(t *testing.T) {
	ports := deploy.Ports{Blue: 21003, Green: 21005}
	for name, spoil := range map[string]func(file string) error{
		"lost":    os.Remove,
		"garbage": func(file string) error { return os.WriteFile(file, []byte("{"), 0o600) },
		"a port twice": func(file string) error {
			return os.WriteFile(file, []byte(`{"a": {"web": {"blue": 1, "green": 1}}}`), 0o600)
		},
	} {
		h := &portHost{state: t.TempDir(), found: deploy.PortTable{"shop": {"web": ports}, "of-another-agent": {"web": {Blue: 21001, Green: 21002}}}}
		wantPorts(t, h.allocator(), "shop", ports)
		if err := spoil(portsFile(h.state)); err != nil {
			t.Fatal(err)
		}
		p := h.allocator()
		h.away = errors.New("nobody listens on Docker's socket")
		if app, err := p.Allocate(t.Context(), portless("shop")); !errors.Is(err, h.away) {
			t.Errorf("%s: while Docker is away: %v, %v", name, app, err)
		}
		h.away = nil
		wantPorts(t, p, "shop", ports)
		if _, err := os.Stat(portsFile(h.state) + ".bad"); (err == nil) != (name != "lost") {
			t.Errorf("%s: what made no sense was put aside: %v", name, err)
		}
		t.Log("and those of another agent's apps are not taken")
		_, err := p.Allocate(t.Context(), portless("blog"))
		if faults, full := deploy.AsFaults(err); !full || !strings.Contains(faults.Error(), "blog/tandem.yaml: routes.web.ports: no port is free") {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

func TestPorts_OfAppsThatAreGoneAreGivenAwayWhereTheRangeIsFull(t *testing.T) {
	h := &portHost{state: t.TempDir(), git: map[string]bool{"shop": true}, held: map[int]deploy.Holder{21005: database}}
	p := h.allocator()
	wantPorts(t, p, "shop", deploy.Ports{Blue: 21001, Green: 21002})
	wantPorts(t, p, "old", deploy.Ports{Blue: 21003, Green: 21004})
	h.found = deploy.PortTable{"old": {"web": {Blue: 21003, Green: 21004}}}
	if got, err := p.Allocate(t.Context(), portless("new")); err == nil {
		t.Errorf("a container still has them, and new got %v", got.Routes)
	}
	h.found = nil
	wantPorts(t, p, "new", deploy.Ports{Blue: 21003, Green: 21004})
	t.Log("and those of an app that was removed at once")
	if err := p.forget(t.Context(), "shop"); err != nil {
		t.Fatal(err)
	}
	wantPorts(t, h.allocator(), "next", deploy.Ports{Blue: 21001, Green: 21002})
}

func TestPorts_OfAPlanAreThoseOfTheAgentAndNothingIsKept(t *testing.T) {
	h := &portHost{state: t.TempDir()}
	wantPorts(t, h.allocator(), "shop", deploy.Ports{Blue: 21001, Green: 21002})
	before, err := os.ReadFile(portsFile(h.state))
	if err != nil {
		t.Fatal(err)
	}
	p := h.allocator().preview()
	wantPorts(t, p, "shop", deploy.Ports{Blue: 21001, Green: 21002})
	wantPorts(t, p, "blog", deploy.Ports{Blue: 21003, Green: 21004})
	if after, err := os.ReadFile(portsFile(h.state)); err != nil || string(after) != string(before) {
		t.Errorf("the file was\n%sand is\n%s(%v)", before, after, err)
	}
}

// Many apps choose at the same time, as they do when an agent starts.
func TestPorts_OfAppsThatChooseAtOnceAreTheirOwn(t *testing.T) {
	h := &portHost{state: t.TempDir()}
	p := h.allocator()
	p.from = deploy.PortRange{First: 21000, Last: 21999}
	got := make(chan deploy.App)
	for i := range 40 {
		go func() {
			app, err := p.Allocate(t.Context(), portless("app-"+string(rune('a'+i%20))))
			if err != nil {
				t.Error(err)
			}
			got <- app
		}()
	}
	owner := map[int]string{}
	for range 40 {
		app := <-got
		for _, r := range app.Routes {
			for _, c := range deploy.Colors() {
				me := app.Name + " " + string(c)
				if other, twice := owner[r.Ports.Of(c)]; twice && other != me {
					t.Errorf("%d is that of %s and of %s", r.Ports.Of(c), other, me)
				}
				owner[r.Ports.Of(c)] = me
			}
		}
	}
	if len(owner) != 40 {
		t.Errorf("20 apps have %d ports", len(owner))
	}
}
