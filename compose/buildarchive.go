package compose

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"slices"

	"tandem/compose/project/buildcontext"
	"tandem/internal/lib/rootfile"
)

// archive is the context of a build as the engine wants it: a tar archive.
type archive struct {
	from *buildcontext.Context
	more []buildcontext.Addition
}

// write writes the archive, file by file. A file that changes meanwhile is an error.
func (a archive) write(ctx context.Context, to io.Writer) error {
	w := tar.NewWriter(to)
	for _, m := range a.more {
		h := &tar.Header{Typeflag: tar.TypeReg, Name: m.Name, Mode: 0o644, Size: int64(len(m.Data))}
		if err := w.WriteHeader(h); err != nil {
			return err
		}
		if _, err := w.Write(m.Data); err != nil {
			return err
		}
	}
	err := a.from.Walk(ctx, func(name string, mode fs.FileMode) error {
		if slices.ContainsFunc(a.more, func(m buildcontext.Addition) bool { return m.Name == name }) {
			return nil
		}
		return a.entry(w, name, mode)
	})
	if err != nil {
		return err
	}
	return w.Close()
}

// entry adds one directory entry. Links are added as they are, and not followed: within
// the context the builder follows them, and nothing else is there.
func (a archive) entry(w *tar.Writer, name string, mode fs.FileMode) error {
	local := filepath.FromSlash(name)
	info, err := a.from.Dir().Lstat(local)
	if err != nil {
		return err
	}
	// A web server tells browsers by the time of a file whether it changed. No builder looks
	// at it to find something in its cache.
	h := &tar.Header{Name: name, ModTime: info.ModTime()}
	switch {
	case mode.IsDir():
		h.Typeflag, h.Name, h.Mode = tar.TypeDir, name+"/", 0o755
		return w.WriteHeader(h)
	case mode&fs.ModeSymlink != 0:
		to, err := a.from.Dir().Readlink(local)
		if err != nil {
			return err
		}
		h.Typeflag, h.Linkname, h.Mode = tar.TypeSymlink, to, 0o777
		return w.WriteHeader(h)
	case !mode.IsRegular():
		return nil // git has no such thing
	}
	return a.file(w, h, local)
}

func (a archive) file(w *tar.Writer, h *tar.Header, local string) (err error) {
	f, err := rootfile.Open(a.from.Dir(), local)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	h.Typeflag, h.Mode, h.Size = tar.TypeReg, 0o644, info.Size()
	if info.Mode()&0o111 != 0 {
		h.Mode = 0o755
	}
	if err := w.WriteHeader(h); err != nil {
		return err
	}
	if _, err := io.Copy(w, io.LimitReader(f, h.Size)); err != nil {
		return fmt.Errorf("read %s: %w", h.Name, err)
	}
	return nil // a file that became shorter is an error of the next header
}
