package api

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestClient_TellsWhatTheAgentSays(t *testing.T) {
	d := &desk{statuses: shopAndBlog()}
	c := NewClient(serve(t, Options{Control: d}).Addr())

	all, err := c.Statuses(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(d.statuses, all); diff != "" {
		t.Errorf("statuses (-want +got):\n%s", diff)
	}
	one, err := c.Status(t.Context(), "shop")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(d.statuses[1], one); diff != "" {
		t.Errorf("status (-want +got):\n%s", diff)
	}
}

func TestClient_TellsWhetherTheAgentIsReady(t *testing.T) {
	d := &desk{ready: errors.New("the repository has not been read yet: connection refused")}
	c := NewClient(serve(t, Options{Control: d}).Addr())
	if err := c.Ready(t.Context()); err == nil || err.Error() != d.ready.Error() {
		t.Errorf("got %v, want the agent's words", err)
	}
	d.ready = nil
	if err := c.Ready(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestClient_ActionsReachTheAgent(t *testing.T) {
	d := &desk{statuses: shopAndBlog()}
	c := NewClient(serve(t, Options{Control: d}).Addr())
	if err := errors.Join(c.Pause(t.Context(), "shop"), c.Retry(t.Context(), "blog"), c.Resume(t.Context(), "shop")); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"pause shop", "retry blog", "resume shop"}, d.asked()); diff != "" {
		t.Errorf("asked of the agent (-want +got):\n%s", diff)
	}
}

func TestClient_UnknownAppListsTheKnownOnes(t *testing.T) {
	c := NewClient(serve(t, Options{Control: &desk{statuses: shopAndBlog()}}).Addr())
	for _, app := range []string{"shopp", "..", "a/b", "a b", "shop?x", "shop/pause#"} {
		_, status := c.Status(t.Context(), app)
		for _, err := range []error{status, c.Retry(t.Context(), app), c.Pause(t.Context(), app), c.Resume(t.Context(), app)} {
			want := &UnknownAppError{App: app, Known: []string{"blog", "shop"}}
			if !errors.Is(err, ErrUnknownApp) || err.Error() != want.Error() {
				t.Errorf("%q: %v, want %v", app, err, want)
			}
		}
	}
}

func TestClient_FailedActionKeepsTheAgentsWords(t *testing.T) {
	d := &desk{statuses: shopAndBlog(), fails: errors.New("write memory: disk is full")}
	c := NewClient(serve(t, Options{Control: d}).Addr())
	if err := c.Retry(t.Context(), "shop"); err == nil || err.Error() != "write memory: disk is full" {
		t.Errorf("retry: %v, want the agent's words", err)
	}
}

func TestClient_NobodyThereAsksWhetherTheAgentRuns(t *testing.T) {
	s := serve(t, Options{Control: &desk{}})
	addr := s.Addr()
	if err := s.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	_, err := NewClient(addr).Statuses(t.Context())
	want := "no agent answers on " + addr + "; is `tandem run` running?"
	if err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestClient_AnotherProgramIsNotTakenForAnAgent(t *testing.T) {
	for name, h := range map[string]http.HandlerFunc{
		"a page":         func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("<html>hello</html>")) },
		"a redirect":     func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/login", http.StatusFound) },
		"something else": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) },
	} {
		t.Run(name, func(t *testing.T) {
			other := httptest.NewServer(h)
			defer other.Close()
			_, err := NewClient(strings.TrimPrefix(other.URL, "http://")).Statuses(t.Context())
			if err == nil || !strings.Contains(err.Error(), "not a tandem agent") {
				t.Errorf("got %v, want to be told that it is no agent", err)
			}
		})
	}
}

func TestClient_ListenerOnEveryAddressIsAskedOverLoopback(t *testing.T) {
	for listen, want := range map[string]string{
		"0.0.0.0:8484":   "localhost:8484",
		"[::]:8484":      "localhost:8484",
		":8484":          "localhost:8484",
		"127.0.0.1:8484": "127.0.0.1:8484",
		"[::1]:8484":     "[::1]:8484",
	} {
		if got := reachable(listen); got != want {
			t.Errorf("reachable(%q) = %q, want %q", listen, got, want)
		}
	}
}

func TestClient_RemoveTellsWhatWasRemovedAndWhyNot(t *testing.T) {
	d := &desk{}
	c := NewClient(serve(t, Options{Control: d}).Addr())
	done, err := c.Remove(t.Context(), "shop")
	if err != nil || !slices.Equal(done, []string{"removed the stack shop-blue"}) || !slices.Equal(d.done, []string{"remove shop"}) {
		t.Errorf("got %v, %v; the agent was asked for %v", done, err, d.done)
	}
	d.fails = &RefusedError{Why: "the repository still has the app shop"}
	var refused *RefusedError
	if _, err := c.Remove(t.Context(), "shop"); !errors.As(err, &refused) || refused.Why != "the repository still has the app shop" {
		t.Errorf("got %v, want it refused", err)
	}
}
