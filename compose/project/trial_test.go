package project_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"tandem/compose/project"
	"tandem/internal/harness/testbed"
	"tandem/internal/harness/testbed/tb"
	"tandem/reconciler/deploy"
)

// The arguments with which this program makes a trial, and trials that go wrong: what
// they do when they are to read the job, the job does in a file that nobody thought of.
const (
	trial         = "trial"
	trialNoted    = "trial-noted" // notes its job in the file that is the next argument
	trialGrows    = "trial-grows"
	trialLeaps    = "trial-leaps"
	trialPanics   = "trial-panics"
	trialDescends = "trial-descends"
	trialIsKilled = "trial-is-killed"
	trialIsMute   = "trial-is-mute"
	trialHangs    = "trial-hangs"
)

// runTrial makes the trial that the arguments name, and returns when they are a test's.
func runTrial() {
	if len(os.Args) < 2 || !strings.HasPrefix(os.Args[1], trial) {
		return
	}
	testbed.Trial(func(ctx context.Context, in io.Reader, out io.Writer) error {
		switch os.Args[1] {
		case trialNoted:
			in = noted(os.Args[2])
		case trialIsMute:
			return nil
		case trial:
		default:
			in = trouble(os.Args[1])
		}
		return project.RunTrial(ctx, in, out)
	}, os.Args[1:]...)
}

func noted(path string) io.Reader {
	job, err := io.ReadAll(os.Stdin)
	if err == nil {
		var f *os.File
		if f, err = os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600); err == nil {
			_, err = f.Write(append(job, '\n'))
			err = errors.Join(err, f.Close())
		}
	}
	if err != nil {
		panic(err)
	}
	return bytes.NewReader(job)
}

type trouble string

func (t trouble) Read([]byte) (int, error) {
	switch t {
	case trialGrows:
		for all := []byte("x"); ; {
			all = append(all, all[:min(len(all), 1<<16)]...)
		}
	case trialLeaps:
		// Where the kernel lets it have that much, it goes on until somebody looks.
		for all, i := make([]byte, 1<<29), 0; ; i = (i + 1) % len(all) {
			all[i]++
		}
	case trialPanics:
		panic("a mistake in a library")
	case trialDescends:
		return descend(math.MaxInt), nil
	case trialIsKilled:
		return 0, syscall.Kill(os.Getpid(), syscall.SIGKILL)
	default: // trialHangs
		select {}
	}
}

func descend(n int) int {
	if n == 0 {
		return 0
	}
	return descend(n-1) + 1
}

func resolveWith(t *testing.T, arguments ...string) (*project.Loader, deploy.App) {
	t.Helper()
	app := shop(t)
	put(t, app, map[string]string{"compose.yaml": api})
	return newLoader(t, project.LoaderOptions{Trial: arguments}), app
}

// TestTrial_WhatItMeansThatItEnds has trials that take too much or end the program: it
// is the files that are refused. What this host does to one is temporary.
func TestTrial_WhatItMeansThatItEnds(t *testing.T) {
	for arguments, want := range map[string]string{
		trialGrows:    "shop/tandem.yaml: compose: the Compose files need more than 128 MiB of memory",
		trialLeaps:    "shop/tandem.yaml: compose: the Compose files need more than 128 MiB of memory",
		trialPanics:   "shop/tandem.yaml: compose: the Compose files end the program that reads them",
		trialDescends: "shop/tandem.yaml: compose: the Compose files end the program that reads them",
	} {
		t.Run(arguments, func(t *testing.T) {
			loader, app := resolveWith(t, arguments)
			_, err := loader.Resolve(t.Context(), app)
			if faults, ok := deploy.AsFaults(err); !ok || !strings.HasPrefix(faults.Error(), want) {
				t.Errorf("got %v, want the fault %s", err, want)
			}
			ended, cancel := context.WithCancel(t.Context())
			cancel() // what is known needs no other process
			if _, again := loader.Resolve(ended, app); again == nil || again.Error() != err.Error() {
				t.Errorf("told again: %v, want %v", again, err)
			}
		})
	}
	t.Run(trialIsKilled, func(t *testing.T) {
		loader, app := resolveWith(t, trialIsKilled)
		_, err := loader.Resolve(t.Context(), app)
		if temporary := (*deploy.TemporaryError)(nil); !errors.As(err, &temporary) {
			t.Errorf("got %v, want a temporary error", err)
		}
	})
	t.Run(trialIsMute, func(t *testing.T) {
		loader, app := resolveWith(t, trialIsMute)
		if _, err := loader.Resolve(t.Context(), app); err == nil {
			t.Error("accepted by a trial that said nothing")
		}
	})
}

// TestTrial_EndsWithItsContext ends the context of a trial that would go on for ever.
func TestTrial_EndsWithItsContext(t *testing.T) {
	loader, app := resolveWith(t, trialHangs)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		_, err := loader.Resolve(ctx, app)
		ended <- err
	}()
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want %v", err, context.Canceled)
	}
}

// TestTrial_ThatCannotBeStarted has arguments that are too long for the kernel: a new
// release waits, and one that was accepted once goes on without.
func TestTrial_ThatCannotBeStarted(t *testing.T) {
	loader, app := resolveWith(t, strings.Repeat("x", 3<<20))
	_, err := loader.Resolve(t.Context(), app)
	if temporary := (*deploy.TemporaryError)(nil); !errors.As(err, &temporary) {
		t.Errorf("got %.200v, want a temporary error", err)
	}
	app.Release = deploy.Release{Tag: app.Tag, Hash: "abc"}
	if again, err := loader.Resolve(t.Context(), app); err != nil || again.Hash == "" {
		t.Errorf("got %v, %.200v, want a release: what runs needs no trial to be kept alive", again, err)
	}
}

// TestTrial_OnceForTheSameFiles counts the trials.
func TestTrial_OnceForTheSameFiles(t *testing.T) {
	jobs := filepath.Join(t.TempDir(), "jobs")
	loader, app := resolveWith(t, trialNoted, jobs)
	resolve := func(want int) {
		t.Helper()
		var err error
		if app.Release, err = loader.Resolve(t.Context(), app); err != nil {
			t.Fatal(err)
		}
		data, err := os.ReadFile(jobs)
		if err != nil {
			t.Fatal(err)
		}
		if n := bytes.Count(data, []byte("\n")); n != want {
			t.Errorf("%d trials, want %d", n, want)
		}
	}
	resolve(1)
	resolve(1)
	app.Commit.Hash = "another commit of the same"
	resolve(1)
	app.Tag = "1.4.3"
	resolve(2)
	app.Env = map[string]string{"A": "b"}
	resolve(3)
	app.Root = t.TempDir()
	put(t, app, map[string]string{"compose.yaml": api})
	resolve(4)
}

// TestTrial_KnowsNoSecret looks at all that a trial is given for an app with a secret;
// the release is the same as without a trial.
func TestTrial_KnowsNoSecret(t *testing.T) {
	v := tb.Vault{"PASSWORD": tb.Planted, "OTHER": "another-" + tb.Planted}
	jobs := filepath.Join(t.TempDir(), "jobs")
	app := secretive(t)
	put(t, app, map[string]string{"compose.yaml": "services:\n  api: {image: 'a:1', ports: ['${API_PORT}:3000'], environment: {P: '${PASSWORD}'}}\n"})
	with, err := newLoader(t, project.LoaderOptions{Vault: v, Trial: []string{trialNoted, jobs}}).Resolve(t.Context(), app)
	if err != nil {
		t.Fatal(err)
	}
	without, err := newLoader(t, project.LoaderOptions{Vault: v}).Resolve(t.Context(), app)
	if err != nil || with != without {
		t.Errorf("the release is %v with a trial and %v without (%v)", with, without, err)
	}
	data, err := os.ReadFile(jobs)
	if err != nil || !bytes.Contains(data, []byte("PASSWORD")) || bytes.Contains(data, []byte("tb.Planted")) {
		t.Errorf("the trial was given %s (%v)", data, err)
	}
}
