package forge

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"tandem/internal/harness/testbed/tb"
	"tandem/reconciler/deploy"
)

const (
	secret = "s3cr3t-token"
	commit = "3f2c5a0d9be1c7a4a7f0d1e2b3c4d5e6f7a8b9c0"
)

func changed(app string, phase deploy.Phase, reason deploy.Reason, message string) deploy.Event {
	return deploy.Event{Kind: deploy.StatusChanged, App: app, Status: &deploy.Status{
		App: app, Phase: phase, Reason: reason, Message: message, Desired: deploy.StatusDesired{Tag: "1.4.3", Commit: commit},
	}}
}

// fake is a forge's API as its documentation has it: it takes what is right and
// refuses the rest.
type fake struct {
	*httptest.Server
	mu  sync.Mutex
	got []map[string]string
}

func (f *fake) posts() []map[string]string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.got)
}

func serve(t *testing.T, path, header, value string, states []string) *fake {
	t.Helper()
	f := &fake{}
	f.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var body map[string]string
		err := json.NewDecoder(r.Body).Decode(&body)
		switch {
		case r.Method != http.MethodPost || r.URL.EscapedPath() != path || r.URL.RawQuery != "":
			http.Error(w, "not found", http.StatusNotFound)
		case r.Header.Get(header) != value:
			http.Error(w, "bad credentials", http.StatusUnauthorized)
		case err != nil || r.Header.Get("Content-Type") != "application/json" || !slices.Contains(states, body["state"]):
			http.Error(w, "unprocessable", http.StatusUnprocessableEntity)
		default:
			f.mu.Lock()
			f.got = append(f.got, body)
			f.mu.Unlock()
			w.WriteHeader(http.StatusCreated)
		}
	}))
	t.Cleanup(f.Close)
	return f
}

func tokenFile(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(path, []byte(secret+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// logged is a log that may be read while it is written.
type logged struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// start runs a Poster until the test ends.
func start(t *testing.T, o Options) (*Poster, *logged) {
	t.Helper()
	log := &logged{}
	o.Host, o.Log = "vps-1", slog.New(slog.NewTextHandler(log, nil))
	if o.TokenFile == "" {
		o.TokenFile = tokenFile(t)
	}
	p, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); p.Run(ctx) }()
	t.Cleanup(func() { cancel(); <-done })
	return p, log
}

func TestPoster_SpeaksToEachForgeAsItsDocumentationSays(t *testing.T) {
	github := []string{"error", "failure", "pending", "success"}
	for _, c := range []struct {
		kind, repo, base, path, header, value, label, failed string
		states                                               []string
	}{
		{GitHub, "https://git.example.com/acme/deploy.git", "/api/v3", "/api/v3/repos/acme/deploy/statuses/" + commit, "Authorization", "Bearer " + secret, "context", "failure", github},
		{GitLab, "git@git.example.com:acme/web/deploy.git", "/api/v4", "/api/v4/projects/acme%2Fweb%2Fdeploy/statuses/" + commit, "Private-Token", secret, "name", "failed", []string{"pending", "running", "success", "failed", "canceled", "skipped"}},
		{Gitea, "https://git.example.com/acme/deploy.git", "/api/v1", "/api/v1/repos/acme/deploy/statuses/" + commit, "Authorization", "token " + secret, "context", "failure", append(github, "warning")},
	} {
		t.Run(c.kind, func(t *testing.T) {
			f := serve(t, c.path, c.header, c.value, c.states)
			p, log := start(t, Options{Kind: c.kind, API: f.URL + c.base, Repo: c.repo})
			var want []map[string]string
			for i, step := range []struct {
				phase deploy.Phase
				state string
			}{
				{deploy.PhaseDeploying, "pending"}, {deploy.PhaseLive, "success"}, {deploy.PhaseHeld, c.failed}, {deploy.PhasePaused, "pending"},
				{deploy.PhaseRefused, c.failed}, {deploy.PhaseLive, "success"}, {deploy.PhaseDegraded, c.failed},
			} {
				p.Handle(changed("shop", step.phase, deploy.NewRelease, ""))
				until(t, "the post of "+string(step.phase), func() bool { return len(f.posts()) > i })
				want = append(want, map[string]string{
					"state": step.state, c.label: "tandem/vps-1/shop", "description": fmt.Sprintf("%s (NewRelease) 1.4.3", step.phase),
				})
			}
			if diff := cmp.Diff(want, f.posts()); diff != "" {
				t.Errorf("posts (-want +got): %s", diff)
			}
			if log.String() != "" {
				t.Errorf("logged: %s", log)
			}
		})
	}
}

func until(t *testing.T, what string, holds func() bool) {
	t.Helper()
	tb.Until(t, time.Minute, what, func() error {
		if !holds() {
			return errors.New("not yet")
		}
		return nil
	})
}

// trip is a transport in a test's hands.
type trip func(*http.Request) (*http.Response, error)

func (f trip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func answer(status int, words string) (*http.Response, error) {
	return &http.Response{StatusCode: status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(words))}, nil
}

// play runs a Poster in a bubble in which time is free.
func play(t *testing.T, f trip, story func(p *Poster, log *logged)) {
	t.Helper()
	token := tokenFile(t)
	synctest.Test(t, func(t *testing.T) {
		p, log := start(t, Options{Kind: GitHub, Repo: "https://github.com/acme/deploy.git", TokenFile: token, HTTPClient: &http.Client{Transport: f}})
		story(p, log)
	})
}

func pass(d time.Duration) {
	<-time.NewTimer(d).C
	synctest.Wait()
}

func TestPoster_HearsChangesOfThePhaseOnly(t *testing.T) {
	n := 0
	play(t, func(*http.Request) (*http.Response, error) { n++; return answer(201, "") }, func(p *Poster, _ *logged) {
		p.Handle(deploy.Event{Kind: deploy.StepDone, App: "shop"})
		p.Handle(deploy.Event{Kind: deploy.StatusChanged, App: "shop", Status: &deploy.Status{Phase: deploy.PhaseRefused}}) // no commit is known
		for _, message := range []string{"one", "two", "three"} {
			p.Handle(changed("shop", deploy.PhaseLive, deploy.UpToDate, message))
			pass(time.Minute)
		}
		if n != 1 {
			t.Errorf("%d posts of one phase, want 1", n)
		}
		p.Handle(changed("blog", deploy.PhaseLive, deploy.UpToDate, ""))
		p.Handle(changed("shop", deploy.PhaseDegraded, deploy.Healing, ""))
		pass(time.Minute)
		if n != 3 {
			t.Errorf("%d posts, want 3", n)
		}
	})
}

func TestPoster_WhileTheSiteIsAwayKeepsTheNewestAndPausesGrow(t *testing.T) {
	for name, fail := range map[string]trip{
		"refused": func(*http.Request) (*http.Response, error) { return nil, errors.New("connection refused") },
		"500":     func(*http.Request) (*http.Response, error) { return answer(500, "the disk is full") },
		"429":     func(*http.Request) (*http.Response, error) { return answer(429, "slow down") },
		"rate limit": func(*http.Request) (*http.Response, error) {
			res, err := answer(403, "API rate limit exceeded")
			res.Header.Set("X-RateLimit-Remaining", "0")
			return res, err
		},
	} {
		t.Run(name, func(t *testing.T) {
			tries, back := 0, false
			var states []string
			var mu sync.Mutex // of the three
			play(t, func(r *http.Request) (*http.Response, error) {
				mu.Lock()
				defer mu.Unlock()
				tries++
				if !back {
					return fail(r)
				}
				var body map[string]string
				if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
					return nil, err
				}
				states = append(states, body["state"])
				return answer(201, "")
			}, func(p *Poster, log *logged) {
				p.Handle(changed("shop", deploy.PhaseDeploying, deploy.NewRelease, ""))
				pass(time.Second)
				p.Handle(changed("shop", deploy.PhaseLive, deploy.UpToDate, ""))
				pass(2 * time.Hour)
				mu.Lock()
				if tries < 5 || tries > 50 {
					t.Errorf("%d tries in two hours, want growing pauses", tries)
				}
				if n := strings.Count(log.String(), "not posted"); n != 1 {
					t.Errorf("logged %d times, want once:\n%s", n, log)
				}
				back = true
				mu.Unlock()
				pass(2 * postPause)
				mu.Lock()
				defer mu.Unlock()
				if diff := cmp.Diff([]string{"success"}, states); diff != "" {
					t.Errorf("posted (-want +got): %s", diff)
				}
				if !strings.Contains(log.String(), "posted again") {
					t.Errorf("the end is not logged:\n%s", log)
				}
			})
		})
	}
}

func TestPoster_DropsWhatIsRefusedAndSaysSoOnce(t *testing.T) {
	for _, status := range []int{400, 401, 403, 404, 422, 302} {
		t.Run(http.StatusText(status), func(t *testing.T) {
			tries := 0
			play(t, func(r *http.Request) (*http.Response, error) {
				tries++
				return answer(status, "no, "+r.Header.Get("Authorization")+"\n\x1b[31m")
			}, func(p *Poster, log *logged) {
				for _, phase := range []deploy.Phase{deploy.PhaseDeploying, deploy.PhaseLive, deploy.PhaseDegraded} {
					p.Handle(changed("shop", phase, deploy.UpToDate, ""))
					pass(time.Hour)
				}
				if tries != 3 {
					t.Errorf("%d tries for 3 statuses, want one each", tries)
				}
				if n := strings.Count(log.String(), "commit status"); n != 1 || !strings.Contains(log.String(), fmt.Sprint(status)) {
					t.Errorf("logged %d times, want once, with %d:\n%s", n, status, log)
				}
				if strings.Contains(log.String(), secret) || strings.Contains(strings.ReplaceAll(log.String(), `\\x1b`, ""), "x1b") {
					t.Errorf("the log repeats what it must not:\n%s", log)
				}
			})
		})
	}
}

func TestPoster_GitLabThatHasTheStateAlreadyIsContent(t *testing.T) {
	s := site{kind: GitLab, api: "https://git.example.com/api/v4"}
	said := `{"message":"Cannot transition status via :enqueue from :pending"}`
	if err := checkResponse(s, &http.Response{StatusCode: 400}, said); err != nil {
		t.Errorf("got %v", err)
	}
	if err := checkResponse(s, &http.Response{StatusCode: 400}, "ref is invalid"); err == nil || errors.Is(err, errAgain) {
		t.Errorf("another 400: got %v", err)
	}
}

func TestPoster_HearNeverBlocksAndRunEndsWhenTheSiteHangs(t *testing.T) {
	gone := make(chan struct{})
	asked := make(chan struct{}, 1)
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		select {
		case asked <- struct{}{}:
		default:
		}
		_, _ = io.Copy(io.Discard, r.Body) // else the end of the request is not seen
		select {
		case <-r.Context().Done():
		case <-gone:
		}
	}))
	defer server.Close()
	defer close(gone)
	p, err := New(Options{Kind: Gitea, API: server.URL, Repo: "https://git.example.com/acme/deploy", TokenFile: tokenFile(t), Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	phases := []deploy.Phase{deploy.PhaseDeploying, deploy.PhaseLive}
	hear := func() {
		for i := range 10_000 {
			p.Handle(changed(fmt.Sprint("app-", i%7), phases[i/7%2], deploy.UpToDate, ""))
		}
	}
	hear() // nobody runs yet
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); p.Run(ctx) }()
	<-asked
	hear() // while a post hangs
	cancel()
	<-done
	if len(p.waiting) != 7 {
		t.Errorf("%d are waiting, want the newest of each of 7 apps", len(p.waiting))
	}
}

func TestPoster_ReadsTheTokenAnewAndNotOneThatOthersMayRead(t *testing.T) {
	path := filepath.Join(t.TempDir(), "token")
	write := func(content string, mode os.FileMode) {
		t.Helper()
		if err := errors.Join(os.WriteFile(path, []byte(content), 0o600), os.Chmod(path, mode)); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		content string
		mode    os.FileMode
		want    string // of the error
	}{
		{"", 0o600, "is empty"}, {"tok en", 0o600, "more than one word"}, {"token", 0o604, "chmod 600"}, {"new-token\n", 0o640, ""},
	} {
		write(c.content, c.mode)
		token, err := readToken(path)
		if c.want == "" {
			if err != nil || token != strings.TrimSpace(c.content) {
				t.Errorf("got %q, %v", token, err)
			}
			continue
		}
		if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "tok en") {
			t.Errorf("%q %o: got %v, want %q", c.content, c.mode, err, c.want)
		}
	}
	if _, err := readToken(path + "-none"); err == nil {
		t.Error("a missing file has a token")
	}
}

func TestPoster_TheTokenDoesNotFollowARedirect(t *testing.T) {
	other := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		t.Errorf("%s was asked with %q", r.URL, r.Header)
	}))
	defer other.Close()
	f := httptest.NewServer(http.RedirectHandler(other.URL+"/elsewhere", http.StatusTemporaryRedirect))
	defer f.Close()
	p, log := start(t, Options{Kind: GitLab, API: f.URL, Repo: "https://git.example.com/acme/deploy"})
	p.Handle(changed("shop", deploy.PhaseLive, deploy.UpToDate, ""))
	until(t, "the log line", func() bool { return strings.Contains(log.String(), "307") })
}

func TestDescribe_IsOneLineOf140CharactersWithoutLogLines(t *testing.T) {
	for _, c := range []struct{ message, want string }{
		{"", "Held (Held) 1.4.3"},
		{"the gate failed\nlast log lines:\nDB_PASSWORD=hunter2", "Held (Held) 1.4.3: the gate failed"},
		{"a\tb\x1b[31m", `Held (Held) 1.4.3: a b\x1b[31m`},
		{"\u202ea\u2066b\u2069c\u200fd\u061ce\u200b", `Held (Held) 1.4.3: \u202ea\u2066b\u2069c\u200fd\u061ce\u200b`},
		{strings.Repeat("ü", 200), "Held (Held) 1.4.3: " + strings.Repeat("ü", 120) + "…"},
	} {
		got := describe(*changed("shop", deploy.PhaseHeld, deploy.Held, c.message).Status)
		if got != c.want || len([]rune(got)) > 140 {
			t.Errorf("%q: got %q, want %q", c.message, got, c.want)
		}
	}
}
