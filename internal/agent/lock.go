package agent

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
)

// lock takes the lock of a state directory. It dies with the process, so no
// stale one can be left behind; two agents that interleave would undo each
// other's flips.
func lock(state string) (*os.File, error) {
	if err := os.MkdirAll(state, 0o700); err != nil {
		return nil, fmt.Errorf("make the state directory: %w", err)
	}
	path := filepath.Join(state, "lock")
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open the lock: %w", err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		if closing := f.Close(); closing != nil {
			err = errors.Join(err, closing)
		}
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, fmt.Errorf("another tandem works with %s already: stop it first, or give this one a --state of its own", state)
		}
		return nil, fmt.Errorf("lock %s: %w", path, err)
	}
	return f, nil
}
