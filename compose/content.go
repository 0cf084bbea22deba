package compose

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
)

// hashFiles adds the content of the paths below root to h: of a directory every
// file in it. Paths elsewhere on the host are no part of a release.
func hashFiles(ctx context.Context, h hash.Hash, root string, paths []string) error {
	paths = slices.Compact(slices.Sorted(slices.Values(paths)))
	for _, path := range paths {
		if !below(root, path) {
			continue
		}
		// The path itself may be a symbolic link: Docker mounts what it leads to.
		target, err := filepath.EvalSymlinks(path)
		if err != nil {
			return fmt.Errorf("read %s: %w", relative(root, path), err)
		}
		writePart(h, []byte(relative(root, path)))
		if err := hashTree(ctx, h, target); err != nil {
			return fmt.Errorf("read %s: %w", relative(root, path), err)
		}
	}
	return nil
}

// hashTree adds one line for every file below top, in the order of their names.
func hashTree(ctx context.Context, h hash.Hash, top string) error {
	return filepath.WalkDir(top, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		sum, err := digest(path, entry)
		if err != nil {
			return err
		}
		writePart(h, []byte(relative(top, path)))
		writePart(h, []byte(sum))
		return nil
	})
}

// digest describes one directory entry: its kind, whether it may be executed,
// and its content. Owners and times are left out, because an export of the same
// commit gives new ones.
func digest(path string, entry fs.DirEntry) (string, error) {
	switch {
	case entry.IsDir():
		return "dir", nil
	case entry.Type()&fs.ModeSymlink != 0:
		to, err := os.Readlink(path)
		return "link " + to, err
	case !entry.Type().IsRegular():
		return entry.Type().String(), nil
	}
	return fileDigest(path)
}

func fileDigest(path string) (_ string, err error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	info, err := f.Stat()
	if err != nil {
		return "", err
	}
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", err
	}
	return fmt.Sprintf("file %t %s", info.Mode()&0o111 != 0, hex.EncodeToString(h.Sum(nil))), nil
}
