package nginx_test

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tandem/nginx"
	"tandem/reconciler/deploy"
)

// grant sets what Nginx may have of every route.
func (r *rig) grant(blue, green deploy.Access) {
	for i := range r.app.Routes {
		r.app.Routes[i].Access = deploy.Accesses{Blue: blue, Green: green}
	}
}

// wantNobody asks as people do, for the color that is live.
func (r *rig) wantNobody(t *testing.T) {
	t.Helper()
	before := r.stacks[deploy.Blue].connections.Load() + r.stacks[deploy.Green].connections.Load()
	for _, method := range []string{http.MethodGet, http.MethodPost} {
		wantStatus(t, method, r.nginx.URL()+"/", http.StatusBadGateway)
	}
	if after := r.stacks[deploy.Blue].connections.Load() + r.stacks[deploy.Green].connections.Load(); after != before {
		t.Errorf("a stack got %d connections", after-before)
	}
}

func TestAccess_AClosedRouteAsksNobodyWhateverTheFlagsSay(t *testing.T) {
	for _, mode := range []string{nginx.SwitchFlip, nginx.SwitchReload} {
		t.Run(mode, func(t *testing.T) {
			server := usualServer
			if mode == nginx.SwitchReload {
				server = "location / { proxy_pass http://shop_api; }"
			}
			r := newRig(t, rigOptions{mode: mode, server: server})
			for _, access := range []deploy.Access{deploy.AccessClosed, deploy.AccessAsItIs, deploy.AccessTaken} {
				r.grant(access, access)
				if access == deploy.AccessClosed {
					r.prepare(t)
				}
				for _, c := range []deploy.Color{deploy.Green, deploy.Blue} {
					r.flip(t, c)
					r.wantNobody(t)
				}
			}
			if mode == nginx.SwitchFlip {
				r.setBackup(t, true)
				r.wantNobody(t)
			}
			text := r.file(t, "shop.conf")
			for _, s := range r.stacks {
				if strings.Contains(text, fmt.Sprint(s.port)) {
					t.Errorf("shop.conf has port %d", s.port)
				}
			}
			r.grant(deploy.AccessOpen, deploy.AccessOpen)
			r.prepare(t)
			r.wantTraffic(t, deploy.Blue)
		})
	}
}

func TestAccess_WhatNginxHasItKeepsWithoutAReload(t *testing.T) {
	for name, befalls := range map[string]func(t *testing.T, r *rig){
		"the same process":         func(*testing.T, *rig) {},
		"the agent started again":  func(t *testing.T, r *rig) { r.restart(t) },
		"held by something else":   func(_ *testing.T, r *rig) { r.grant(deploy.AccessAsItIs, deploy.AccessTaken) },
		"open in one, in question": func(_ *testing.T, r *rig) { r.grant(deploy.AccessOpen, deploy.AccessAsItIs) },
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, rigOptions{})
			r.prepare(t)
			workers := r.workers(t)
			r.grant(deploy.AccessAsItIs, deploy.AccessAsItIs)
			befalls(t, r)
			r.prepare(t)
			r.wantTraffic(t, deploy.Blue)
			if got := r.workers(t); got != workers {
				t.Errorf("workers before: %s, after: %s; want no reload", workers, got)
			}
		})
	}
	// Where the files are gone too, the running Nginx still says what it has.
	r := newRig(t, rigOptions{})
	r.prepare(t)
	before := r.file(t, "shop.conf")
	for _, name := range []string{"shop.conf", "shop.vars"} {
		if err := os.Remove(filepath.Join(r.dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	r.restart(t)
	r.grant(deploy.AccessAsItIs, deploy.AccessAsItIs)
	r.prepare(t)
	if got := r.file(t, "shop.conf"); got != before {
		t.Errorf("shop.conf was\n%s\nand is\n%s", before, got)
	}
}

func TestAccess_APortThatSomethingElseHoldsIsClosedWhereRequestsCouldComeToIt(t *testing.T) {
	for name, c := range map[string]struct {
		live          deploy.Color
		backup, moved bool
		blue, green   deploy.Access
		want          string // in shop.conf: whose port is there
	}{
		"the live color's":               {live: deploy.Blue, blue: deploy.AccessTaken, green: deploy.AccessOpen, want: "green"},
		"the live color's, green":        {live: deploy.Green, blue: deploy.AccessOpen, green: deploy.AccessTaken, want: "blue"},
		"the other's":                    {live: deploy.Blue, blue: deploy.AccessOpen, green: deploy.AccessTaken, want: "blue green"},
		"the other's, which is a backup": {live: deploy.Blue, backup: true, blue: deploy.AccessOpen, green: deploy.AccessTaken, want: "blue"},
		"a port that it never had":       {live: deploy.Blue, moved: true, blue: deploy.AccessOpen, green: deploy.AccessTaken, want: "blue"},
		"one that is not known":          {live: deploy.Blue, moved: true, blue: deploy.AccessOpen, green: deploy.AccessAsItIs, want: "blue"},
		"both":                           {live: deploy.Green, backup: true, blue: deploy.AccessTaken, green: deploy.AccessTaken, want: ""},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, rigOptions{})
			r.prepare(t)
			r.flip(t, c.live)
			if c.backup {
				r.setBackup(t, true)
			}
			r.grant(c.blue, c.green)
			if c.moved {
				r.app.Routes[0].Ports.Green = newStack(t, deploy.Green).port
			}
			r.prepare(t)
			text, has := r.file(t, "shop.conf"), []string{}
			for _, color := range deploy.Colors() {
				if strings.Contains(text, fmt.Sprintf(":%d", r.app.Routes[0].Ports.Of(color))) {
					has = append(has, string(color))
				}
			}
			if got := strings.Join(has, " "); got != c.want {
				t.Errorf("nginx has the ports of %q, want %q:\n%s", got, c.want, text)
			}
			if strings.Contains(c.want, string(c.live)) {
				r.wantTraffic(t, c.live)
			} else if !c.backup || c.want == "" {
				r.wantNobody(t)
			}
		})
	}
}

// In a network of containers the name that Nginx would ask may be anybody's.
func TestAccess_ANameInANetworkIsAskedOnlyOnceItIsOpen(t *testing.T) {
	for _, mode := range []string{nginx.SwitchFlip, nginx.SwitchReload} {
		t.Run(mode, func(t *testing.T) {
			b := newBoxed(t, mode, false)
			b.stack(t, deploy.Blue)
			b.stack(t, deploy.Green)
			grant := func(blue, green deploy.Access) {
				b.app.Routes[0].Access = deploy.Accesses{Blue: blue, Green: green}
				if _, err := b.proxy.Prepare(t.Context(), b.app); err != nil {
					t.Fatal(err)
				}
			}
			url := func() string { return "http://" + net.JoinHostPort(b.address(t, b.name), fmt.Sprint(b.port)) }
			b.app.Routes[0].Access = deploy.Accesses{}
			location := b.passing()
			if mode == nginx.SwitchReload {
				location = "location / { proxy_pass http://" + b.app.Name + "_api; }"
			}
			b.prepare(t, location)
			wantStatus(t, http.MethodGet, url(), http.StatusBadGateway)
			grant(deploy.AccessAsItIs, deploy.AccessTaken)
			wantStatus(t, http.MethodGet, url(), http.StatusBadGateway)
			grant(deploy.AccessOpen, deploy.AccessOpen)
			b.wantTraffic(t, deploy.Blue)
			grant(deploy.AccessAsItIs, deploy.AccessAsItIs)
			b.wantTraffic(t, deploy.Blue)
			grant(deploy.AccessTaken, deploy.AccessOpen)
			wantStatus(t, http.MethodGet, url(), http.StatusBadGateway)
			b.flip(t, deploy.Green)
			b.wantTraffic(t, deploy.Green)
			grant(deploy.AccessClosed, deploy.AccessClosed)
			wantStatus(t, http.MethodGet, url(), http.StatusBadGateway)
		})
	}
}
