package testbed

import (
	"errors"
	"os"
)

// Dir makes a fresh temporary directory that every user can read: the workers
// of an Nginx that root started run as www-data, and could not look into a
// directory of mode 0700. The caller removes it.
func Dir(pattern string) (string, error) {
	dir, err := os.MkdirTemp("", pattern)
	if err != nil {
		return "", err
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		return "", errors.Join(err, os.RemoveAll(dir))
	}
	return dir, nil
}
