package nginx_test

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"tandem/internal/harness/testbed/tb"
	"tandem/nginx"
	"tandem/reconciler/deploy"
)

// route is the app's first, with a health path.
func (r *rig) route(path string) deploy.Route {
	route := r.app.Routes[0]
	route.Health = deploy.Health{Path: path, StatusMin: 200, StatusMax: 299, MaxLatency: patience}
	return route
}

func (r *rig) wantProbe(t *testing.T, path string, status int) {
	t.Helper()
	got := r.proxy.ProbeLive(t.Context(), r.app, r.route(path))
	if got.Err != nil || got.Status != status || got.Took <= 0 {
		t.Fatalf("probe of %s: got %+v, want status %d\n%s", path, got, status, r.nginx.ErrorLog())
	}
}

func TestProbe_AsksTheLiveColorForTheHealthPathAsItIsWritten(t *testing.T) {
	for _, mode := range []string{nginx.SwitchFlip, nginx.SwitchReload} {
		t.Run(mode, func(t *testing.T) {
			r := newRig(t, rigOptions{mode: mode})
			r.prepare(t)
			for _, c := range []deploy.Color{deploy.Blue, deploy.Green, deploy.Blue} {
				r.flip(t, c)
				for _, path := range []string{"/", "/health", "/health?deep=1&x=a%20b", "/a//b/%2e%2e/c%2Fd/?q"} {
					r.stacks[c].last.Store(nil)
					r.wantProbe(t, path, http.StatusOK)
					last := r.stacks[c].last.Load()
					if last == nil || last.RequestURI != path {
						t.Fatalf("%s was asked for %+v, want %s", c, last, path)
					}
					if want := fmt.Sprintf("127.0.0.1:%d", r.app.Routes[0].Ports.Blue); last.Host != want || len(last.Header["Connection"]) != 0 {
						t.Errorf("the app got Host %q and Connection %q, want %q and none", last.Host, last.Header["Connection"], want)
					}
				}
			}
		})
	}
}

func TestProbe_AsksUnderTheSitesNameAndWithItsHeaders(t *testing.T) {
	for _, mode := range []string{nginx.SwitchFlip, nginx.SwitchReload} {
		t.Run(mode, func(t *testing.T) {
			r := newRig(t, rigOptions{mode: mode, http: "proxy_set_header X-Forwarded-Proto $scheme; proxy_set_header Host $proxy_host;"})
			r.prepare(t)
			route := r.route("/health")
			route.Health.Host = "shop.example.com"
			route.Health.Headers = []deploy.Header{{Name: "X-Forwarded-Proto", Value: "https"}}
			if got := r.proxy.ProbeLive(t.Context(), r.app, route); got.Status != http.StatusOK || got.Host != "shop.example.com" {
				t.Fatalf("got %+v", got)
			}
			last := r.stacks[deploy.Blue].last.Load()
			if last == nil || last.Host != "shop.example.com" || last.Header.Get("X-Forwarded-Proto") != "https" {
				t.Fatalf("the app was asked %+v", last)
			}
		})
	}
}

func TestReach_AsksUnderTheSitesName(t *testing.T) {
	r := newRig(t, rigOptions{})
	r.prepare(t)
	r.app.Routes[0].Health = r.route("/health").Health
	r.app.Routes[0].Health.Host = "shop.example.com"
	r.app.Routes[0].Health.Headers = []deploy.Header{{Name: "X-Forwarded-Proto", Value: "https"}}
	if err := r.proxy.Reach(t.Context(), r.app, deploy.Green); err != nil {
		t.Fatal(err)
	}
	last := r.stacks[deploy.Green].last.Load()
	if last == nil || last.Host != "shop.example.com" || last.Header.Get("X-Forwarded-Proto") != "https" {
		t.Fatalf("the app was asked %+v", last)
	}
}

func TestProbe_GoesTheWayOfPeople(t *testing.T) {
	r := newRig(t, rigOptions{})
	r.prepare(t)
	r.wantProbe(t, "/broken", http.StatusInternalServerError)
	r.stacks[deploy.Blue].kill(t)
	r.wantProbe(t, "/health", http.StatusBadGateway)
	r.setBackup(t, true)
	r.wantProbe(t, "/health", http.StatusOK)
	r.setBackup(t, false)
	if err := r.nginx.Kill(within(t)); err != nil {
		t.Fatal(err)
	}
	got := r.proxy.ProbeLive(t.Context(), r.app, r.route("/health"))
	if got.Err == nil || got.Status != 0 {
		t.Errorf("without Nginx: got %+v, want an error", got)
	}
}

func TestProbe_IsNotForWhatTheHTTPBlockDemandsOfPeople(t *testing.T) {
	r := newRig(t, rigOptions{http: `auth_basic "people"; auth_basic_user_file nobody; deny all;`})
	r.prepare(t)
	r.wantProbe(t, "/health", http.StatusOK)
}

func TestProbe_GivesUpOnASlowAnswer(t *testing.T) {
	r := newRig(t, rigOptions{})
	r.prepare(t)
	route := r.route("/slow")
	route.Health.MaxLatency = 20 * time.Millisecond
	got := r.proxy.ProbeLive(t.Context(), r.app, route)
	if got.Err == nil || got.Status != 0 || got.Took <= route.Health.MaxLatency {
		t.Errorf("got %+v, want an error after more than %s", got, route.Health.MaxLatency)
	}
	if sick := route.Health.Sick(got); sick != "/slow took longer than 20ms" {
		t.Errorf("Sick: got %q", sick)
	}
}

func TestProbe_OfARouteThatNginxDoesNotKnowIsNoAnswer(t *testing.T) {
	r := newRig(t, rigOptions{})
	r.prepare(t)
	route := r.route("/health")
	route.Name = "web"
	if got := r.proxy.ProbeLive(t.Context(), r.app, route); got.Err == nil || got.Status != 0 {
		t.Errorf("got %+v, want an error", got)
	}
}

func TestProbe_StandsInTheLogAsOne(t *testing.T) {
	r := newRig(t, rigOptions{})
	r.prepare(t)
	r.wantProbe(t, "/health", http.StatusOK)
	get(t, r.nginx.URL()+"/people")
	tb.Until(t, patience, "both lines", func() error {
		if text := r.file(t, "log/shop.access.log"); strings.Count(text, "\n") != 2 {
			return errors.New(text)
		}
		return nil
	})
	for line := range strings.Lines(r.file(t, "log/shop.access.log")) {
		if people := strings.Contains(line, "/people"); people == strings.Contains(line, `"probe":"1"`) {
			t.Errorf("of people %v: %s", people, line)
		}
	}
}
