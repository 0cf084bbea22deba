package compose

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"io/fs"
	"path"
	"path/filepath"
	"strings"

	"github.com/tonistiigi/fsutil"
	fstypes "github.com/tonistiigi/fsutil/types"

	"tandem/compose/project/buildcontext"
)

// BuildKit asks for the files of a build one by one, in two directories: the context, and
// the one with the Dockerfile. Nothing but these is ever handed out.

// contextFiles are the files of the context, as BuildKit asks for them.
func contextFiles(ctx context.Context, from *buildcontext.Context) (fsutil.FS, error) {
	in := map[string]bool{}
	err := from.Walk(ctx, func(name string, _ fs.FileMode) error {
		for ; name != "." && !in[name]; name = path.Dir(name) {
			in[name] = true
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return fsutil.NewFilterFS(fsutil.NewRootFS(fsutil.NewRoot(from.Dir())), &fsutil.FilterOpt{Map: func(name string, s *fstypes.Stat) fsutil.MapResult {
		if !in[filepath.ToSlash(name)] {
			if s.IsDir() {
				return fsutil.MapResultSkipDir
			}
			return fsutil.MapResultExclude
		}
		// As in the archive for the classic builder: the owner is this host's.
		mode := fs.FileMode(s.Mode)
		switch {
		case mode.IsDir():
			mode = fs.ModeDir | 0o755
		case mode.IsRegular():
			s.Linkname = "" // of another name of the same file
			if mode &= 0o111; mode != 0 {
				mode = 0o755
			} else {
				mode = 0o644
			}
		case mode&fs.ModeSymlink == 0:
			return fsutil.MapResultExclude // git has no such thing
		}
		s.Mode, s.Uid, s.Gid, s.Xattrs = uint32(mode), 0, 0, nil
		return fsutil.MapResultKeep
	}})
}

// The name of the Dockerfile in the directory that has it alone, and of what is to be left
// out for it.
const (
	kitDockerfile = "Dockerfile"
	kitIgnore     = "Dockerfile.dockerignore"
)

// dockerfileFiles is the directory with the Dockerfile.
func dockerfileFiles(from *buildcontext.Context) fsutil.FS {
	return memoryFiles{{Name: kitDockerfile, Data: from.Dockerfile}, {Name: kitIgnore, Data: from.Ignore()}}
}

// memoryFiles are files of one directory, in the order of their names.
type memoryFiles []buildcontext.Addition

// Walk implements fsutil.FS.
func (m memoryFiles) Walk(ctx context.Context, target string, visit fs.WalkDirFunc) error {
	target = strings.TrimLeft(filepath.ToSlash(target), "/")
	for _, f := range m {
		if target != "" && target != "." && target != f.Name {
			continue
		}
		stat := &fstypes.Stat{Path: f.Name, Mode: 0o644, Size: int64(len(f.Data))}
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := visit(f.Name, &fsutil.DirEntryInfo{Stat: stat}, nil); err != nil {
			return err
		}
	}
	return nil
}

// Open implements fsutil.FS.
func (m memoryFiles) Open(name string) (io.ReadCloser, error) {
	for _, f := range m {
		if f.Name == strings.TrimPrefix(filepath.ToSlash(name), "/") {
			return io.NopCloser(bytes.NewReader(f.Data)), nil
		}
	}
	return nil, fmt.Errorf("open %s: %w", name, fs.ErrNotExist)
}
