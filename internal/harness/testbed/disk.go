package testbed

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"syscall"
)

// Disk is a small disk in memory. It needs root.
type Disk struct{ dir string }

// NewDisk mounts one of so many bytes on dir, which it makes.
func NewDisk(dir string, size int64) (*Disk, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, fmt.Sprintf("size=%d,mode=0700", size)); err != nil {
		return nil, fmt.Errorf("mount a disk on %s: %w", dir, err)
	}
	return &Disk{dir: dir}, nil
}

// Fill writes until nothing more fits.
func (d *Disk) Fill() (err error) {
	f, err := os.Create(d.filler())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	// Big pieces first, then what is left between them.
	for _, piece := range []int{1 << 16, 1} {
		if err := fill(f, make([]byte, piece)); err != nil {
			return err
		}
	}
	return nil
}

func fill(w io.Writer, piece []byte) error {
	for {
		_, err := w.Write(piece)
		if errors.Is(err, syscall.ENOSPC) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// Free ends Fill.
func (d *Disk) Free() error { return os.Remove(d.filler()) }

// Close takes the disk away with all that is on it.
func (d *Disk) Close() error {
	if err := syscall.Unmount(d.dir, syscall.MNT_DETACH); err != nil {
		return fmt.Errorf("unmount %s: %w", d.dir, err)
	}
	return nil
}

func (d *Disk) filler() string { return filepath.Join(d.dir, "filler") }
