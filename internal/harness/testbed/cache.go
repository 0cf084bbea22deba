package testbed

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// CacheDir is where slow results are kept between runs: $TANDEM_CACHE, or
// "tandem" in the user's cache directory. It is made when it does not exist.
func CacheDir() (string, error) {
	dir := os.Getenv("TANDEM_CACHE")
	if dir == "" {
		base, err := os.UserCacheDir()
		if err != nil {
			return "", fmt.Errorf("find cache directory: %w; set TANDEM_CACHE", err)
		}
		dir = filepath.Join(base, "tandem")
	}
	return dir, os.MkdirAll(dir, 0o755)
}

// lock takes the file lock at path, which other processes of this machine
// respect, and waits for it until ctx ends. The lock dies with the process.
func lock(ctx context.Context, path string) (unlock func() error, err error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o666)
	if err != nil {
		return nil, err
	}
	err = Until(ctx, "lock "+path, func() error {
		return unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	})
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f.Close, nil
}
