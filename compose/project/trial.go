package project

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sync/semaphore"

	"tandem/compose/project/composefile"
	"tandem/reconciler/deploy"
)

// Files of a repository are loaded by another process first, which may use so much
// and no more, and by this one only when that went well: a bound that nobody thought
// of costs an app, and not the agent.
const (
	trialMemory   = 128 << 20        // bytes of memory that loading may take
	trialCPU      = 10 * time.Second // of a processor
	trialTime     = 2 * time.Minute  // altogether: much more, for a busy host
	trialsAtATime = 2

	// loadsAtATime is how many bytes all loads of this process may take at a time, by
	// what their trials took.
	loadsAtATime = trialMemory

	// maxKnown is how many releases are remembered as tried.
	maxKnown = 4096
)

// trials are what is known of them.
type trials struct {
	command []string
	policy  []string
	host    string
	data    string
	slots   *semaphore.Weighted
	memory  *semaphore.Weighted

	mu       sync.Mutex
	finished map[[sha256.Size]byte]outcome // by job
}

// outcome is that of a trial that need not be made again: the files were accepted, or
// took so much that others would wait for each further time.
type outcome struct {
	took    int64 // bytes
	refused error // deploy.Faults
}

func newTrials(o LoaderOptions) *trials {
	return &trials{
		command: o.Trial, policy: o.Policy, host: o.Host, data: o.Data, slots: semaphore.NewWeighted(trialsAtATime), memory: semaphore.NewWeighted(loadsAtATime),
		finished: map[[sha256.Size]byte]outcome{},
	}
}

// job is what a trial is given. Nothing secret is in it: files are loaded with placeholders
// in place of the values.
type job struct {
	App       deploy.App
	Secrets   []deploy.Secret // without their values
	Policy    []string
	Host      string
	Data      string
	AppsDir   string
	Elsewhere bool
}

// answer is what it has to say. Exactly one of the first three is there.
type answer struct {
	Release *deploy.Release
	Faults  deploy.Faults
	Error   string
	Memory  int64 // bytes that it took
}

// errNotStarted says that there was no trial.
var errNotStarted = errors.New("the trial could not be started")

// tryOut returns when this process may load the app's files, which ends with leave.
// What is wrong with them is deploy.Faults.
func (l *Loader) tryOut(ctx context.Context, app deploy.App, secrets composefile.SecretRefs) (leave func(), err error) {
	if len(l.trials.command) == 0 {
		return func() {}, nil
	}
	text, err := l.jobOf(app, secrets)
	if err != nil {
		return nil, err
	}
	o, known := l.trials.known(text)
	took := o.took
	if known && o.refused != nil {
		return nil, o.refused
	}
	if !known {
		took, err = l.try(ctx, app, text)
		switch {
		case errors.Is(err, errNotStarted) && !app.Release.IsZero():
			// It was a release before: what runs must not die because no process can be
			// started, which is when it is needed most.
			l.log.Warn("files are loaded without a trial", "app", app.Name, "err", err)
		case errors.Is(err, errNotStarted):
			return nil, &deploy.TemporaryError{Reason: deploy.Failed, Err: fmt.Errorf("read the Compose files of %s: %w", app.Name, err)}
		case err != nil:
			return nil, err
		default:
			l.trials.keep(text, outcome{took: took})
		}
	}
	took = min(max(took, 1), loadsAtATime)
	if err := l.trials.memory.Acquire(ctx, took); err != nil {
		return nil, err
	}
	return func() { l.trials.memory.Release(took) }, nil
}

// jobOf is the same for the same release, whatever commit and state of it.
func (l *Loader) jobOf(app deploy.App, secrets composefile.SecretRefs) ([]byte, error) {
	app.Commit, app.Release, app.FilesRefused = deploy.Commit{}, deploy.Release{}, false
	return json.Marshal(job{App: app, Policy: l.trials.policy, Host: l.trials.host, Data: l.trials.data, AppsDir: l.appsDir, Elsewhere: l.elsewhere, Secrets: secrets.WithoutValues()})
}

func (t *trials) known(text []byte) (outcome, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	o, ok := t.finished[sha256.Sum256(text)]
	return o, ok
}

func (t *trials) keep(text []byte, o outcome) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.finished) >= maxKnown {
		clear(t.finished)
	}
	t.finished[sha256.Sum256(text)] = o
}

// try has another process load the files, and returns the bytes that it took.
func (l *Loader) try(ctx context.Context, app deploy.App, text []byte) (int64, error) {
	if err := l.trials.slots.Acquire(ctx, 1); err != nil {
		return 0, err
	}
	defer l.trials.slots.Release(1)
	if os.Getenv(inTrial) != "" {
		return 0, errors.New("a trial was to start another: the program does not know its own arguments")
	}
	limited, cancel := context.WithTimeout(ctx, trialTime)
	defer cancel()
	// This program as it runs, also when its file was replaced meanwhile.
	cmd := exec.CommandContext(limited, "/proc/self/exe", l.trials.command...)
	cmd.Args[0] = os.Args[0]
	cmd.Dir = "/"
	// A path may begin with "~". Nothing else of the environment decides what is read.
	cmd.Env = []string{inTrial + "=1", "GOTRACEBACK=single", "HOME=" + os.Getenv("HOME")}
	cmd.Stdin = bytes.NewReader(text)
	out, errs := &head{most: maxAnswer}, &head{most: 64 << 10}
	cmd.Stdout, cmd.Stderr = out, errs
	cmd.WaitDelay = time.Second
	if err := cmd.Start(); err != nil {
		return 0, fmt.Errorf("%w: %w", errNotStarted, err)
	}
	err := cmd.Wait()
	if ctx.Err() != nil {
		return 0, ctx.Err()
	}
	var a answer
	if err == nil {
		if err := json.Unmarshal(out.data, &a); err != nil {
			return 0, fmt.Errorf("read what the trial of %s says: %w", app.Name, err)
		}
	}
	l.log.Debug("files tried", "app", app.Name, "cpu", cmd.ProcessState.UserTime()+cmd.ProcessState.SystemTime(), "memory", a.Memory, "err", err)
	if err != nil {
		err := failed(limited, app, cmd.ProcessState, string(errs.data))
		if _, refused := deploy.AsFaults(err); refused {
			l.trials.keep(text, outcome{refused: err})
		}
		return 0, err
	}
	switch {
	case len(a.Faults) > 0:
		return 0, a.Faults
	case a.Error != "":
		return 0, errors.New(a.Error)
	}
	return a.Memory, nil
}

// failed says what the end of a trial means: that of the files, or of this host.
func failed(limited context.Context, app deploy.App, state *os.ProcessState, said string) error {
	refuse := func(format string, args ...any) error {
		return deploy.Faults{{File: app.File, Path: "compose", Text: fmt.Sprintf(format, args...)}}
	}
	status, _ := state.Sys().(syscall.WaitStatus)
	cpu := state.UserTime() + state.SystemTime()
	switch {
	case state.ExitCode() == exitMemory, strings.Contains(said, "out of memory"), strings.Contains(said, "cannot allocate memory"):
		return refuse("the Compose files need more than %d MiB of memory to be read: write them with less that is put together from other parts", trialMemory>>20)
	case state.ExitCode() == exitTime, cpu >= trialCPU:
		return refuse("the Compose files need more than %s to be read: write them with less that is put together from other parts", trialCPU)
	case strings.Contains(said, "failed to create new OS thread"):
		return &deploy.TemporaryError{Reason: deploy.Failed, Err: fmt.Errorf("read the Compose files of %s: this host has no more room for threads", app.Name)}
	case limited.Err() != nil:
		return &deploy.TemporaryError{Reason: deploy.Failed, Err: fmt.Errorf("the Compose files of %s were not read within %s: this host is too busy", app.Name, trialTime)}
	case status.Signaled():
		return &deploy.TemporaryError{Reason: deploy.Failed, Err: fmt.Errorf("reading the Compose files of %s was ended from outside: %s", app.Name, status.Signal())}
	}
	return refuse("the Compose files end the program that reads them: look for a value of the wrong type, or for parts that contain themselves")
}

// head keeps the first bytes of what is written to it, and takes the rest.
type head struct {
	data []byte
	most int
}

func (t *head) Write(p []byte) (int, error) {
	t.data = append(t.data, p[:min(len(p), t.most-len(t.data))]...)
	return len(p), nil
}
