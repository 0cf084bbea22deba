package fuzzline

import (
	"runtime/metrics"
	"syscall"
	"testing"
	"time"
)

// Line is how much one input may cost.
type Line struct {
	Base   int64 // bytes that are asked for in all, for an input of up to a kilobyte
	PerKiB int64 // and for each further one
}

// Time on a processor that an input of up to a kilobyte may take, and each further
// one. That of other processes is not counted, so that a busy machine fails nothing.
const (
	baseTime   = 10 * time.Second
	timePerKiB = 2 * time.Second
)

// Hold runs do, and fails the test when that took more than the line allows for an
// input of so many bytes. Nothing else of the process may run meanwhile.
func (l Line) Hold(t testing.TB, size int, do func()) {
	t.Helper()
	more := int64(max(size-1, 0) >> 10)
	asked, worked := allocated(), processor(t)
	do()
	asked, worked = allocated()-asked, processor(t)-worked
	if most := l.Base + more*l.PerKiB; asked > most {
		t.Errorf("%d bytes made it ask for %d MiB of memory, want less than %d", size, asked>>20, most>>20)
	}
	if most := baseTime + time.Duration(more)*timePerKiB; worked > most {
		t.Errorf("%d bytes took %s of a processor, want less than %s", size, worked, most)
	}
}

// allocated is how many bytes this process has asked for so far, free again or not.
func allocated() int64 {
	sample := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}}
	metrics.Read(sample)
	return int64(sample[0].Value.Uint64())
}

func processor(t testing.TB) time.Duration {
	t.Helper()
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		t.Fatal(err)
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}
