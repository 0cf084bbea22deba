package notify

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tandem/internal/harness/testbed/tb"
	"tandem/reconciler/deploy"
)

// postbox is a real receiver.
type postbox struct {
	mu     sync.Mutex
	bodies []string
}

func (p *postbox) ServeHTTP(_ http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.bodies = append(p.bodies, string(body))
}

func (p *postbox) got() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]string(nil), p.bodies...)
}

// listen returns the address of a webhook as people write it.
func listen(t *testing.T, h http.Handler) string {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return "generic+" + s.URL + "/hook"
}

func TestNotifier_RealReceiversGetOneMessageAnEventWhateverTheOthersDo(t *testing.T) {
	var good, titled postbox
	var failing sync.Map
	release := make(chan struct{})
	urls := []string{
		listen(t, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { // hangs
			select {
			case <-release:
			case <-r.Context().Done():
			}
		})),
		listen(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			failing.Store(string(body), true)
			w.WriteHeader(http.StatusInternalServerError)
		})),
		"generic+http://127.0.0.1:1/token-nobody-listens",
		listen(t, &good),
		listen(t, &titled) + "?template=json",
	}
	t.Cleanup(func() { close(release) }) // before the servers close, which wait for it
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "urls"), []byte(strings.Join(urls, "\n")), 0o600); err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	var log bytes.Buffer
	d := &desk{t: t, Notifier: New(Options{File: filepath.Join(dir, "urls"), State: dir, Host: "vps-1", Log: slog.New(slog.NewTextHandler(locked{&mu, &log}, nil))})}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); d.Run(ctx) }()
	t.Cleanup(func() { cancel(); <-done })

	var want []string
	for i := range 4 {
		tag := fmt.Sprintf("1.4.%d", i)
		want = append(want, "shop: "+tag+" rolled back (WatchFailed)")
		d.Handle(deploy.Event{
			App: "shop", Kind: deploy.Rejecting, Reason: deploy.WatchFailed, Message: "5.2 % of 400 requests failed, the limit is 1 %",
			Step: deploy.Step{Release: deploy.Release{Tag: tag}},
		})
		d.Handle(deploy.Event{App: "shop", Kind: deploy.DeployEnded, Entry: &deploy.Entry{Tag: tag, Result: deploy.RolledBack}})
		d.Handle(deploy.Event{App: "shop", Kind: deploy.StatusChanged, Status: &deploy.Status{Phase: deploy.PhaseHeld, Live: &deploy.StatusLive{Tag: "1.3.0", Color: deploy.Blue}}})
	}
	tb.Until(t, 30*time.Second, "everybody who can be told", func() error {
		if n, m := len(good.got()), len(titled.got()); n < len(want) || m < len(want) {
			return fmt.Errorf("%d and %d of %d messages", n, m, len(want))
		}
		if _, tried := failing.Load(good.got()[0]); !tried {
			return fmt.Errorf("the receiver that fails was not tried")
		}
		return nil
	})
	var titles []string
	for _, body := range good.got() {
		title, text, _ := strings.Cut(body, "\n")
		titles = append(titles, title)
		if !strings.Contains(text, "the limit is 1 %") || !strings.Contains(text, "Live now: 1.3.0 on blue") {
			t.Errorf("want the figure, the limit and what is live, got %q", text)
		}
	}
	if diff := cmp.Diff(want, titles); diff != "" {
		t.Errorf("the good receiver got (-want +got):\n%s", diff)
	}
	for i, body := range titled.got() {
		var m map[string]string
		if err := json.Unmarshal([]byte(body), &m); err != nil || m["title"] != want[i] || !strings.HasPrefix(m["message"], "5.2 %") {
			t.Errorf("message %d as JSON: %s (%v)", i, body, err)
		}
	}
	mu.Lock()
	defer mu.Unlock()
	for _, said := range []string{"line 2 (generic)", "it answered 500 Internal Server Error", "line 3 (generic)", "connection refused"} {
		if !strings.Contains(log.String(), said) {
			t.Errorf("the log does not say %q:\n%s", said, log.String())
		}
	}
	if strings.Contains(log.String(), "127.0.0.1") || strings.Contains(log.String(), "hook") || strings.Contains(log.String(), "token") {
		t.Errorf("the log holds a part of an address:\n%s", log.String())
	}
}

// locked is a buffer that may be written from anywhere.
type locked struct {
	mu *sync.Mutex
	b  *bytes.Buffer
}

func (l locked) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func TestSend_NoErrorHoldsAPartOfAnAddress(t *testing.T) {
	refusing := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusUnauthorized)
		_, _ = io.WriteString(w, r.URL.String()) // as some services do
	}))
	t.Cleanup(refusing.Close)
	here := strings.TrimPrefix(refusing.URL, "http://")
	for url, want := range map[string]string{
		"slack://sekret-a/sekret-b":                                 errNotAddress.Error(),
		"sekret://sekret@sekret":                                    errNotAddress.Error(),
		"telegram://sekret@telegram?chats=sekret":                   errNotAddress.Error(),
		"discord://sekret":                                          errNotAddress.Error(),
		"://sekret%zz":                                              errNotAddress.Error(),
		"generic+http://sekret:sekret@%zz/sekret":                   errNotAddress.Error(),
		"generic+http://user:sekret@127.0.0.1:1/sekret?x=sekret":    "connection refused",
		"generic+http://user:sekret@" + here + "/sekret?x=sekret":   "it answered 401 Unauthorized",
		"generic+http://sekret.invalid/sekret":                      "the name of its host cannot be resolved",
		"ntfy://:sekret@" + here + "/sekret?scheme=http":            "it answered 401 Unauthorized",
		"gotify://" + here + "/AsekretAsekret.?disabletls=yes":      "",
		"rocketchat://127.0.0.1:1/sekret/sekret":                    "connection refused",
		"smtp://sekret:sekret@127.0.0.1:1/?from=a@x.org&to=b@x.org": "connection refused",
	} {
		err := send(url, Message{Title: "a title", Text: "a text"})
		if err == nil || strings.Contains(err.Error(), "sekret") || want != "" && err.Error() != want {
			t.Errorf("%s: %v, want %q", url, err, want)
		}
	}
}

func TestCheckURL_TakesTheAddressesPeopleHave(t *testing.T) {
	for _, url := range []string{
		"slack://hook:T00000000-B00000000-XXXXXXXXXXXXXXXXXXXXXXXX@webhook",
		"discord://token@123456789",
		"telegram://110201543:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw@telegram?chats=@ops",
		"ntfy://ntfy.sh/ops",
		"smtp://u:p@mail.example.com:587/?from=a@example.com&to=b@example.com",
		"generic+https://example.com/hook?template=json",
	} {
		if err := checkURL(url); err != nil {
			t.Errorf("%s: %v", url, err)
		}
	}
}

func TestParse_NamesTheLineAndNothingOfIt(t *testing.T) {
	found, err := parse("# a comment\n\n ntfy://ntfy.sh/a \r\nntfy://ntfy.sh/a\nntfy://ntfy.sh/b c\nslack://sekret\n", checkURL)
	want := "line 5: holds a space or a control character; write one address a line\nline 6: " + errNotAddress.Error()
	if err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
	if len(found) != 1 || found[0].url != "ntfy://ntfy.sh/a" || found[0].name != "line 3 (ntfy)" {
		t.Errorf("found %+v, want the one of line 3, once", found)
	}
}

func TestBook_AFileThatOthersMayReadIsNotUsed(t *testing.T) {
	path := filepath.Join(t.TempDir(), "urls")
	if err := os.WriteFile(path, []byte("ntfy://ntfy.sh/a"), 0o600); err != nil {
		t.Fatal(err)
	}
	b := book{path: path, check: checkURL}
	for mode, want := range map[os.FileMode]int{0o600: 1, 0o640: 1, 0o604: 0, 0o606: 0} {
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		if found, err := b.load(); len(found) != want || (err == nil) != (want == 1) {
			t.Errorf("mode %04o: %d receivers, %v, want %d", mode, len(found), err, want)
		}
	}
}
