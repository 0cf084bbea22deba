package agent

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
)

// pruneTrees removes the exported files of one app that nothing needs any more:
// no container was made from them, and keep does not name them.
func pruneTrees(ctx context.Context, dir string, keep map[string]bool, inUse func(context.Context) (map[string]bool, error)) error {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("prune exported files: %w", err)
	}
	entries = slices.DeleteFunc(entries, func(e os.DirEntry) bool { return keep[filepath.Join(dir, e.Name())] })
	if len(entries) == 0 {
		return nil // asking would make the engine list the containers of all apps, for each of them
	}
	used, err := inUse(ctx)
	if err != nil {
		return fmt.Errorf("prune exported files: %w", err)
	}
	var errs []error
	for _, e := range entries {
		if root := filepath.Join(dir, e.Name()); !used[root] {
			errs = append(errs, os.RemoveAll(root))
		}
	}
	return errors.Join(errs...)
}
