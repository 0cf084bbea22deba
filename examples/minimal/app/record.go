package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"
)

// record is a file that tells what happened, a line each, and a lock beside it
// that only one process can have. Whoever dies, even by SIGKILL, loses the lock and
// writes no last line: so the lock and not the lines proves that nobody overlapped.
type record struct {
	path string
	lock *os.File
}

func openRecord(path string) (*record, error) {
	if path == "" {
		return nil, errors.New("no file is named to record into")
	}
	lock, err := os.OpenFile(path+".lock", os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	return &record{path: path, lock: lock}, nil
}

// add appends one line.
func (r *record) add(format string, args ...any) (err error) {
	f, err := os.OpenFile(r.path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX); err != nil {
		return err
	}
	_, err = fmt.Fprintf(f, format+"\n", args...)
	return err
}

// alone takes the lock. When another process has it, the record tells of the
// OVERLAP, and the lock is waited for: else a third one would find it free while
// this one works.
func (r *record) alone(ctx context.Context, who string) error {
	err := r.tryLock()
	if !errors.Is(err, syscall.EWOULDBLOCK) {
		return err
	}
	if err := r.add("OVERLAP %s", who); err != nil {
		return err
	}
	for errors.Is(err, syscall.EWOULDBLOCK) {
		if pause(ctx, 10*time.Millisecond) != nil {
			return nil
		}
		err = r.tryLock()
	}
	return err
}

func (r *record) tryLock() error {
	return syscall.Flock(int(r.lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
}

// close gives the lock back.
func (r *record) close() error { return r.lock.Close() }
