package rootfile

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"syscall"
)

var (
	// ErrOutside says that the name, or a link on its way, leads out of the directory.
	ErrOutside = errors.New("leads out of the directory")
	// ErrNotRegular says that there is something else than a file: a directory, a
	// pipe, a socket, a device.
	ErrNotRegular = errors.New("is not a regular file")
	// ErrTooLarge says that the file has more bytes than may be read.
	ErrTooLarge = errors.New("is too large")
)

// Read returns what is in the file of that name below the directory root. Links are
// followed within root only; more than max bytes are ErrTooLarge. It ends with ctx.
// Each error is a *fs.PathError whose path is name: no error tells where root is.
func Read(ctx context.Context, root, name string, max int64) ([]byte, error) {
	dir, err := os.OpenRoot(root + "/.") // with the dot, what is no directory is not opened
	if err != nil {
		return nil, failure(name, err)
	}
	data, err := ReadIn(ctx, dir, name, max)
	if closed := dir.Close(); err == nil && closed != nil {
		return nil, failure(name, closed)
	}
	return data, err
}

// ReadIn is Read in a directory that is open already.
func ReadIn(ctx context.Context, dir *os.Root, name string, max int64) ([]byte, error) {
	f, err := Open(dir, name)
	if err != nil {
		return nil, err
	}
	data, err := readAll(ctx, f, max)
	if err = errors.Join(err, f.Close()); err != nil {
		return nil, failure(name, err)
	}
	return data, nil
}

// Open opens a regular file for reading, and nothing else. It never waits: neither
// for somebody who writes into a pipe, nor for a device.
func Open(dir *os.Root, name string) (*os.File, error) {
	// Opening alone may do something to a device, so that what can be told before is.
	// The name may mean something else a moment later: what counts is what was opened.
	if info, err := dir.Stat(name); err != nil {
		return nil, failure(name, err)
	} else if !info.Mode().IsRegular() {
		return nil, failure(name, ErrNotRegular)
	}
	f, err := dir.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK|syscall.O_NOCTTY, 0)
	if err != nil {
		return nil, failure(name, err)
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = ErrNotRegular
	}
	if err != nil {
		return nil, failure(name, errors.Join(err, f.Close()))
	}
	return f, nil
}

// readAll looks at the size first, which a file of many gigabytes without content
// tells at once, and does not believe it.
func readAll(ctx context.Context, f *os.File, max int64) ([]byte, error) {
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if info.Size() > max {
		return nil, ErrTooLarge
	}
	data, err := io.ReadAll(io.LimitReader(&reader{ctx, f}, max+1))
	if err == nil && int64(len(data)) > max {
		err = ErrTooLarge
	}
	return data, err
}

// reader ends with its context.
type reader struct {
	ctx context.Context
	r   io.Reader
}

func (r *reader) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.r.Read(p)
}

// failure is the error with the file's own name.
func failure(name string, err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		err = p.Err
	}
	if IsOutside(err) {
		err = ErrOutside
	}
	return &fs.PathError{Op: "read", Path: name, Err: err}
}

// IsOutside tells whether a name led out of its directory, also for an error of an
// *os.Root, which has no name of its own for that. TestRead_Refuses keeps its text.
func IsOutside(err error) bool {
	if errors.Is(err, ErrOutside) {
		return true
	}
	var p *fs.PathError
	var l *os.LinkError
	switch {
	case errors.As(err, &p):
		err = p.Err
	case errors.As(err, &l):
		err = l.Err
	}
	return err != nil && err.Error() == "path escapes from parent"
}
