package source

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tandem/internal/harness/gittest"
)

// web is a world behind a server whose faults can be switched on.
type web struct {
	*world
	server *gittest.HTTPServer
}

func openWeb(t *testing.T, asked gittest.HTTPOptions, change func(*Options)) *web {
	t.Helper()
	w := &web{world: &world{bare: gittest.NewBare(t), dir: filepath.Join(t.TempDir(), "cache")}}
	w.ada = w.bare.Clone(t)
	w.server = gittest.ServeHTTP(t, w.bare, asked)
	o := Options{URL: w.server.URL, CacheDir: w.dir, Logger: slog.New(slog.DiscardHandler)}
	if change != nil {
		change(&o)
	}
	w.repo = open(t, o)
	return w
}

func TestPoll_AsksForTheRefOnlyWhileNothingMoves(t *testing.T) {
	w := openWeb(t, gittest.HTTPOptions{}, nil)
	w.push(t, "first", map[string]string{"tandem.yaml": "tag: one\n"})
	for range 5 {
		w.poll(t)
	}
	if n := w.server.Requests("git-upload-pack"); n != 1 {
		t.Errorf("%d fetches, want 1", n)
	}
	w.push(t, "second", map[string]string{"tandem.yaml": "tag: two\n"})
	for range 5 {
		w.poll(t)
	}
	if n := w.server.Requests("git-upload-pack"); n != 2 {
		t.Errorf("%d fetches, want 2", n)
	}
}

func TestPoll_SurvivesARemoteThatIsDownForAWhile(t *testing.T) {
	for name, c := range map[string]struct {
		fault gittest.Fault
		want  string
	}{
		"500":             {gittest.Status500, "500"},
		"403":             {gittest.Forbidden, "may not do that"},
		"cut":             {gittest.Cut, "EOF"},
		"cut in the pack": {gittest.CutPack, ""},
	} {
		t.Run(name, func(t *testing.T) {
			w := openWeb(t, gittest.HTTPOptions{}, nil)
			first := w.push(t, "first", map[string]string{"tandem.yaml": "tag: one\n"})
			w.poll(t)
			w.push(t, "second", map[string]string{"tandem.yaml": "tag: two\n", "big": strings.Repeat("some text ", 10_000)})
			w.server.SetFault(c.fault)
			for range 3 {
				_, err := w.repo.Poll(within(t))
				if err == nil || !strings.Contains(err.Error(), c.want) {
					t.Fatalf("got %v, want %q", err, c.want)
				}
			}
			// What is live can still be brought up from the cache.
			if err := w.repo.Export(within(t), first, ".", filepath.Join(t.TempDir(), "dest")); err != nil {
				t.Errorf("export while the remote is down: %v", err)
			}
			w.server.SetFault(gittest.NoFault)
			if got := string(file(t, w.poll(t), ".").Data); got != "tag: two\n" {
				t.Errorf("after the fault: %q", got)
			}
		})
	}
}

func TestEverything_EndsWithTheContextWhenTheRemoteSaysNothing(t *testing.T) {
	w := openWeb(t, gittest.HTTPOptions{}, nil)
	hash := w.push(t, "first", map[string]string{"tandem.yaml": "tag: one\n"})
	w.server.SetFault(gittest.Hang)
	for name, call := range map[string]func(context.Context) error{
		"poll":    func(ctx context.Context) error { _, err := w.repo.Poll(ctx); return err },
		"export":  func(ctx context.Context) error { return w.repo.Export(ctx, hash, ".", filepath.Join(t.TempDir(), "x")) },
		"publish": func(ctx context.Context) error { return w.repo.Publish(ctx, "m", map[string][]byte{"x": nil}) },
	} {
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		if err := call(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%s: %v", name, err)
		}
		cancel()
	}
	w.server.SetFault(gittest.NoFault)
	w.poll(t)
}

func TestPublish_AfterALostAnswerMakesNoSecondCommit(t *testing.T) {
	w := openWeb(t, gittest.HTTPOptions{}, nil)
	w.push(t, "first", map[string]string{"tandem.yaml": "tag: one\n"})
	files := map[string][]byte{"shop.yaml": []byte("live")}
	w.server.SetFault(gittest.CutReport)
	if err := w.repo.Publish(within(t), "status", files); err == nil {
		t.Fatal("the answer was lost, and nobody noticed")
	}
	w.server.SetFault(gittest.NoFault)
	if err := w.repo.Publish(within(t), "status", files); err != nil {
		t.Fatal(err)
	}
	if log := w.bare.Log(t, "tandem-status"); len(log) != 1 {
		t.Errorf("the status branch is %v", log)
	}
}

func TestToken_IsReadAnewAtEachCall(t *testing.T) {
	token := filepath.Join(t.TempDir(), "token")
	w := openWeb(t, gittest.HTTPOptions{Username: "deploy", Token: "first-secret"}, func(o *Options) {
		o.Auth = Auth{Username: "deploy", TokenFile: token}
	})
	w.push(t, "first", map[string]string{"tandem.yaml": "tag: one\n"})
	refused := func(want string) {
		t.Helper()
		_, err := w.repo.Poll(within(t))
		pub := w.repo.Publish(within(t), "m", map[string][]byte{"x": nil})
		for _, err := range []error{err, pub} {
			if !errors.Is(err, ErrCredentials) || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), token) {
				t.Errorf("got %v, want %q and %s", err, want, token)
			}
			if err != nil && strings.Contains(err.Error(), "secret") {
				t.Errorf("the error holds the token: %v", err)
			}
		}
	}
	write := func(content string) {
		t.Helper()
		if err := os.WriteFile(token, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	refused("no such file")
	write(" \n")
	refused("is empty")
	write("first-secret\n")
	w.poll(t)
	w.server.SetToken("second-secret")
	refused("refuses the token")
	write("second-secret")
	w.poll(t)
	if err := w.repo.Publish(within(t), "m", map[string][]byte{"x": nil}); err != nil {
		t.Error(err)
	}
}

func TestPoll_SaysThatCredentialsAreNeeded(t *testing.T) {
	w := openWeb(t, gittest.HTTPOptions{Token: "t"}, nil)
	_, err := w.repo.Poll(within(t))
	if !errors.Is(err, ErrCredentials) || !strings.Contains(err.Error(), "set auth.token_file") {
		t.Errorf("got %v", err)
	}
}

// A password in the URL works, and is in nothing that anybody can print,
// whatever goes wrong.
func TestNoCredential_LeavesThePackage(t *testing.T) {
	const user, password = "Zephyr", "p@ss/w%rd secret"
	var logged bytes.Buffer
	w := openWeb(t, gittest.HTTPOptions{Username: user, Token: password}, func(o *Options) {
		u, err := url.Parse(o.URL)
		if err != nil {
			t.Fatal(err)
		}
		u.User = url.UserPassword(user, password)
		o.URL = u.String()
		o.Logger = slog.New(slog.NewTextHandler(&logged, &slog.HandlerOptions{Level: slog.LevelDebug}))
	})
	hash := w.push(t, "first", map[string]string{"tandem.yaml": "tag: one\n"})
	w.poll(t)

	var said []string
	hear := func(err error) {
		for ; err != nil; err = errors.Unwrap(err) {
			said = append(said, fmt.Sprintf("%v %+v %#v", err, err, err))
		}
	}
	for _, f := range []gittest.Fault{gittest.Status500, gittest.Forbidden, gittest.Cut, gittest.CutPack, gittest.CutReport, gittest.Hang} {
		if err := os.RemoveAll(w.dir); err != nil {
			t.Fatal(err)
		}
		w.server.SetFault(f)
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		_, err := w.repo.Poll(ctx)
		hear(err)
		hear(w.repo.Export(ctx, hash, ".", filepath.Join(t.TempDir(), "x")))
		hear(w.repo.Publish(ctx, "m", map[string][]byte{"x": fmt.Append(nil, f)}))
		cancel()
	}
	w.server.SetFault(gittest.NoFault)
	w.server.SetToken("changed")
	_, err := w.repo.Poll(within(t))
	hear(err)
	w.bare.Hook(t, "pre-receive", "echo 'no "+password+"' >&2; exit 1")
	w.server.SetToken(password)
	hear(w.repo.Publish(within(t), "m", map[string][]byte{"y": nil}))
	for _, raw := range []string{
		"https://u:hunter2-secret@", "https://u:hunter2-secret@h/a?b", "https://u:%zz-secret@h/a",
		"ssh://git:hunter2-secret@h/a", "ftp://u:hunter2-secret@h/a", "https://u:hunter2-secret@h:port/a",
	} {
		_, err := New(Options{URL: raw, CacheDir: t.TempDir()})
		if err == nil {
			t.Errorf("%s is taken", raw)
		}
		hear(err)
	}
	if len(said) < 20 {
		t.Errorf("only %d errors were heard", len(said))
	}
	said = append(said, logged.String())
	for _, text := range said {
		for _, secret := range []string{"secret", "p@ss", url.QueryEscape(password), url.PathEscape(password), "%zz"} {
			if strings.Contains(text, secret) {
				t.Errorf("%q is in %s", secret, text)
			}
		}
	}
}
