package agent

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"tandem/internal/lib/overlay"
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
	// What lies over a copy goes with it.
	rootOf := func(e os.DirEntry) string {
		return filepath.Join(dir, strings.TrimSuffix(e.Name(), overlay.ManifestSuffix))
	}
	entries = slices.DeleteFunc(entries, func(e os.DirEntry) bool { return keep[rootOf(e)] })
	if len(entries) == 0 {
		return nil // asking would make the engine list the containers of all apps, for each of them
	}
	used, err := inUse(ctx)
	if err != nil {
		return fmt.Errorf("prune exported files: %w", err)
	}
	var errs []error
	for _, e := range entries {
		if !used[rootOf(e)] {
			errs = append(errs, os.RemoveAll(filepath.Join(dir, e.Name())))
		}
	}
	return errors.Join(errs...)
}
