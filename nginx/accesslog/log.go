package accesslog

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"
)

// accessLog reads one app's log, each line once. No file stays open in between:
// a log that was rotated and deleted would go on filling the disk.
type accessLog struct {
	path    string
	current place
	rotated []place // former files, which workers may still write into
}

// place is how far one file was read.
type place struct {
	file     os.FileInfo // nil before the first look
	offset   int64
	skipping bool      // offset is inside a line that is not wanted
	mark     []byte    // how the last line began, with its time: proves that the file is still the same
	markAt   int64     // where that was
	left     time.Time // when it was found rotated
}

const (
	firstLook        = 8 << 20     // how much of an old log the first look reads
	longest          = 64 << 20    // how much any other look reads: the rest would be too old
	lineLimit        = 64 << 10    // more than Nginx writes into a line
	rotatedRetention = time.Minute // how long workers may go on writing into a rotated log
	markSize         = 64          // enough for the time of a line, which no other line at that place has
	rotations        = 2           // rotated logs that are followed at once
	rotatedGrace     = 1024        // lines between two looks at the context
)

// read calls each for every whole line that was not read yet.
func (l *accessLog) read(ctx context.Context, now time.Time, each func([]byte)) error {
	f, err := os.Open(l.path)
	if err != nil {
		return fmt.Errorf("read access log: %w", err)
	}
	err = l.follow(f, now)
	if err == nil {
		err = l.readRotated(ctx, now, each)
	}
	if err == nil {
		err = l.current.read(ctx, f, each)
	}
	if err := errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("read access log: %w", err)
	}
	return nil
}

// follow notices that the log was rotated.
func (l *accessLog) follow(f *os.File, now time.Time) error {
	info, err := f.Stat()
	switch {
	case err != nil:
		return err
	case l.current.file == nil:
		l.current = place{file: info}
		l.current.skipTo(info.Size() - firstLook)
	case !os.SameFile(l.current.file, info):
		l.current.left = now
		l.rotated = append(l.rotated, l.current)
		l.rotated = l.rotated[max(0, len(l.rotated)-rotations):]
		l.current = place{file: info}
	}
	return nil
}

// readRotated reads the rest of the former files. Nginx writes into them until
// it is told to open its logs anew, and each worker does that in its own time.
func (l *accessLog) readRotated(ctx context.Context, now time.Time, each func([]byte)) error {
	var still []place
	for i := range l.rotated {
		p := &l.rotated[i] // keeps how far it came when ctx ends
		f, err := l.find(p.file)
		if err != nil {
			return err
		}
		if f == nil {
			continue // deleted, or packed
		}
		if err := errors.Join(p.read(ctx, f, each), f.Close()); err != nil {
			return err
		}
		if now.Sub(p.left) < rotatedRetention {
			still = append(still, *p)
		}
	}
	l.rotated = still
	return nil
}

// find opens a file of the log's directory whatever its name is now; nil when it
// is gone.
func (l *accessLog) find(wanted os.FileInfo) (*os.File, error) {
	dir := filepath.Dir(l.path)
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		if info, err := e.Info(); err != nil || !os.SameFile(info, wanted) {
			continue // also when it was renamed at this moment: the next look finds it
		}
		return os.Open(filepath.Join(dir, e.Name()))
	}
	return nil, nil
}

// skipTo goes on at the first line after the offset, if that is further on.
func (p *place) skipTo(offset int64) {
	if offset > p.offset {
		p.offset, p.skipping = offset, true
	}
}

func (p *place) read(ctx context.Context, f *os.File, each func([]byte)) error {
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if same, err := p.same(f, info.Size()); err != nil {
		return err
	} else if !same {
		*p = place{file: p.file, left: p.left} // emptied, and perhaps filled again
	}
	p.skipTo(info.Size() - longest)
	lines := bufio.NewReaderSize(io.NewSectionReader(f, p.offset, info.Size()-p.offset), lineLimit)
	for n := 0; ; n++ {
		if n%rotatedGrace == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		line, err := lines.ReadSlice('\n')
		switch {
		case errors.Is(err, io.EOF):
			return nil // the rest of the line is not written yet
		case err != nil && !errors.Is(err, bufio.ErrBufferFull):
			return err
		}
		p.take(line, err == nil, each)
	}
}

// take goes past a line, or past the part of one that is too long to be ours.
func (p *place) take(line []byte, whole bool, each func([]byte)) {
	if whole && !p.skipping {
		p.mark, p.markAt = append(p.mark[:0], line[:min(len(line), markSize)]...), p.offset
		each(line)
	}
	p.offset += int64(len(line))
	p.skipping = !whole
}

// same tells whether what was read is still there. A log that is emptied in place
// may have grown past the old offset since.
func (p *place) same(f *os.File, size int64) (bool, error) {
	if size < p.offset {
		return false, nil
	}
	found := make([]byte, len(p.mark))
	if _, err := f.ReadAt(found, p.markAt); err != nil && !errors.Is(err, io.EOF) {
		return false, err
	}
	return bytes.Equal(found, p.mark), nil
}
