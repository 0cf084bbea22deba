package main

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"strconv"

	"github.com/goccy/go-yaml"
	"github.com/rogpeppe/go-internal/testscript"

	"tandem/internal/api"
	"tandem/reconciler/deploy"
)

// exitsWith is the script command `code N program args…`: it runs the program
// and wants exactly that exit code.
func exitsWith(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: code N program args...")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	err = ts.Exec(args[1], args[2:]...)
	got := 0
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		got = exit.ExitCode()
	} else if err != nil {
		ts.Fatalf("run %v: %v", args[1:], err)
	}
	if got != want {
		ts.Fatalf("%v: exit code %d, want %d", args[1:], got, want)
	}
}

// startAgent is the script command `agent FILE`: it serves the statuses of the
// file as an agent does, points TANDEM_LISTEN at it, and writes what it is asked
// to do into the file "asked".
func startAgent(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: agent FILE")
	}
	var statuses []deploy.Status
	ts.Check(yaml.Unmarshal([]byte(ts.ReadFile(args[0])), &statuses))
	server := api.NewServer(api.Options{
		Listen:  "127.0.0.1:0",
		Control: &desk{statuses: statuses, asked: ts.MkAbs("asked")},
		Log:     slog.New(slog.NewTextHandler(io.Discard, nil)),
	})
	ts.Check(server.Start(context.Background()))
	ts.Defer(func() { ts.Check(server.Stop(context.Background())) })
	ts.Setenv("TANDEM_LISTEN", server.Addr())
}

// desk stands in for the agent behind the real HTTP server.
type desk struct {
	statuses []deploy.Status
	asked    string
}

func (d *desk) Statuses() []deploy.Status                 { return d.statuses }
func (d *desk) Wake()                                     {}
func (d *desk) Healthy() error                            { return nil }
func (d *desk) Retry(_ context.Context, app string) error { return d.note("retry", app) }

// Remove refuses what the agent still looks after.
func (d *desk) Remove(_ context.Context, app string) ([]string, error) {
	if _, err := api.Find(d.statuses, app); err == nil {
		return nil, &api.RefusedError{Why: "the repository still has the app " + app}
	}
	return []string{"removed the stack " + app + "-blue"}, nil
}

func (d *desk) Pause(_ context.Context, app string) error  { return d.note("pause", app) }
func (d *desk) Resume(_ context.Context, app string) error { return d.note("resume", app) }

// Ready is that of an agent that found no commit to deploy, where it has no status.
func (d *desk) Ready() error {
	if len(d.statuses) == 0 {
		return errors.New("the repository has not been read yet: commit 1234abcd by Eve changes nothing: it is not signed")
	}
	return nil
}

func (d *desk) note(verb, app string) error {
	if _, err := api.Find(d.statuses, app); err != nil {
		return err
	}
	f, err := os.OpenFile(d.asked, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = f.WriteString(verb + " " + app + "\n")
	return errors.Join(err, f.Close())
}
