package source

import (
	"errors"
	"io"
	"io/fs"
	"math/rand/v2"
	"path"
	"strconv"

	"github.com/go-git/go-git/v5/plumbing/format/objfile"
)

// store writes a loose object. A repack by git may take the object's directory away
// between its making and its use, so it is tried a few times.
func (d *gitDir) store(m newObject) error {
	const tries = 10
	var err error
	for range tries {
		if err = d.storeOnce(m); !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return err
}

// storeOnce writes an object that survives a power cut, and that the repository's owner
// can handle as if git had written it. Until it is whole it has a name that git takes
// for what a crash left, and cleans up.
func (d *gitDir) storeOnce(m newObject) error {
	hex := m.hash.String()
	dir := path.Join("objects", hex[:2])
	name, unfinished := path.Join(dir, hex[2:]), path.Join(dir, "tmp_obj_1"+strconv.FormatUint(rand.Uint64(), 10))
	if err := d.makeDir(dir); err != nil {
		return err
	}
	if _, err := d.lstat(name); err == nil {
		return nil
	}
	f, err := d.create(unfinished, "objects")
	if err != nil {
		return err
	}
	err = m.writeTo(f)
	if err == nil {
		err = f.Chmod(0o444)
	}
	if err == nil {
		err = f.Sync()
	}
	if err = closeErr(f, err); err == nil {
		err = d.rename(unfinished, name)
	}
	if err != nil {
		return errors.Join(err, d.remove(unfinished))
	}
	return d.syncDir(dir)
}

// writeTo writes the object as git keeps it in a file of its own.
func (m newObject) writeTo(w io.Writer) error {
	o := objfile.NewWriter(w)
	err := o.WriteHeader(m.kind, int64(len(m.data)))
	if err == nil {
		_, err = o.Write(m.data)
	}
	return closeErr(o, err)
}
