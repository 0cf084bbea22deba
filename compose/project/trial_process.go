package project

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"runtime/metrics"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"tandem/compose/project/composefile"
	"tandem/reconciler/deploy"
)

const (
	// inTrial is set in the environment of a trial. A program that does not know the
	// arguments that it gave would start itself without end.
	inTrial = "TANDEM_TRIAL"

	maxJob    = 64 << 20 // bytes
	maxAnswer = 8 << 20

	// How a trial ends that took too much.
	exitMemory = 71
	exitTime   = 72
)

// RunTrial is the other side of LoaderOptions.Trial: it reads a job, loads the files as the
// program that wants it will, and writes what came of it. The process is limited from
// then on, and ends by itself when it takes too much.
func RunTrial(ctx context.Context, in io.Reader, out io.Writer) error {
	watch()
	var j job
	if err := json.NewDecoder(io.LimitReader(in, maxJob)).Decode(&j); err != nil {
		return fmt.Errorf("read the job: %w", err)
	}
	l, err := NewLoader(LoaderOptions{Host: j.Host, Policy: j.Policy, Data: j.Data, AppsDir: j.AppsDir, Elsewhere: j.Elsewhere})
	if err != nil {
		return fmt.Errorf("read the job: %w", err)
	}
	l.trying = true
	var a answer
	r, err := l.load(ctx, j.App, composefile.SecretRefsOf(j.Secrets))
	if err == nil {
		a.Release = &r.Release
	} else if faults, ok := deploy.AsFaults(err); ok {
		a.Faults = faults
	} else {
		a.Error = err.Error()
	}
	a.Memory = memory()
	return json.NewEncoder(out).Encode(a)
}

// watch limits this process: the kernel bounds it, and before that it looks itself and
// says what was too much.
func watch() {
	begun := memory()
	debug.SetMaxStack(trialMemory / 4)
	hard := dataSize() + 2*trialMemory
	if raceDetector() {
		hard *= 16 // it has a copy of the memory several times as large
	}
	// A unit may forbid it. Then the look that follows has to do.
	_ = unix.Setrlimit(unix.RLIMIT_DATA, &unix.Rlimit{Cur: uint64(hard), Max: uint64(hard)})
	seconds := uint64(trialCPU/time.Second) + 2
	_ = unix.Setrlimit(unix.RLIMIT_CPU, &unix.Rlimit{Cur: seconds, Max: seconds})
	go func() {
		for range time.Tick(2 * time.Millisecond) {
			if memory()-begun > trialMemory {
				os.Exit(exitMemory)
			}
			var used syscall.Rusage
			if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err == nil && cpuOf(used) > trialCPU {
				os.Exit(exitTime)
			}
		}
	}()
}

func cpuOf(u syscall.Rusage) time.Duration {
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// memory is how many bytes Go has from the kernel and did not give back.
func memory() int64 {
	sample := []metrics.Sample{{Name: "/memory/classes/total:bytes"}, {Name: "/memory/classes/heap/released:bytes"}}
	metrics.Read(sample)
	return int64(sample[0].Value.Uint64() - sample[1].Value.Uint64())
}

// dataSize is what RLIMIT_DATA counts, as it is now.
func dataSize() int64 {
	data, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	_, rest, _ := strings.Cut(string(data), "VmData:")
	var kilobytes int64
	if _, err := fmt.Sscan(rest, &kilobytes); err != nil {
		return 0
	}
	return kilobytes << 10
}

// raceDetector tells whether this is a test that looks for races.
func raceDetector() bool {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return false
	}
	for _, s := range info.Settings {
		if s.Key == "-race" {
			return s.Value == "true"
		}
	}
	return false
}
