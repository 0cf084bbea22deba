package faultfs

import (
	"errors"
	"fmt"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
)

// Fault is what happens to one change of a file. A change has no context, so that one
// which hangs ends with a kill, before or after.
type Fault string

// The faults that Each lets happen.
const (
	Full        Fault = "the disk is full"
	CrashBefore Fault = "the process is killed before, or in the middle of it"
	CrashAfter  Fault = "the process is killed after"
)

// ErrKilled is the error of each change that a dead process tries.
var ErrKilled = errors.New("killed")

// Disk counts the changes of files in a story, and disturbs one of them. Once the
// process is killed nothing that it still tries has an effect. It may be used by several
// goroutines, but for the fields, which a story sets first.
type Disk struct {
	// Roots are the directories of the story. Whatever is elsewhere is the test's own.
	Roots []string
	// Torn, where it is set, leaves beside the path what a process leaves that is
	// killed in the middle of the change.
	Torn func(path string) error

	n    int // the change that is disturbed
	what Fault

	mu          sync.Mutex
	points      []string // the changes so far, by name
	dead, fired bool
}

// Interrupt is asked before and after each change of a file; see atomicfile.Interrupt.
func (d *Disk) Interrupt(after bool, path string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	name := d.name(path)
	switch {
	case name == "":
		return nil
	case d.dead:
		return ErrKilled
	case !after:
		d.points = append(d.points, name)
	}
	if d.fired || len(d.points)-1 != d.n || after != (d.what == CrashAfter) {
		return nil
	}
	d.fired = true
	if d.what == Full {
		return fmt.Errorf("write %s: %w", path, syscall.ENOSPC)
	}
	d.dead = true
	if d.what == CrashBefore && d.Torn != nil {
		return errors.Join(ErrKilled, d.Torn(path))
	}
	return ErrKilled
}

// changing is what differs from story to story in the name of a file: hashes and numbers
// of chance.
var changing = regexp.MustCompile(`[0-9a-f]{40}|\b[0-9a-f]{38}\b|objects/[0-9a-f]{2}\b|\d{5,}`)

// name is the path as it is the same in each story; "" where it is none of the story's.
func (d *Disk) name(path string) string {
	for _, root := range d.Roots {
		if rel, err := filepath.Rel(root, path); err == nil && !strings.HasPrefix(rel, "..") {
			return changing.ReplaceAllString(filepath.Join(filepath.Base(root), rel), "…")
		}
	}
	return ""
}

// Revive starts a new process, whose changes go well.
func (d *Disk) Revive() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.dead = false
}

// Dead tells whether the process was killed, and no new one was started.
func (d *Disk) Dead() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.dead
}
