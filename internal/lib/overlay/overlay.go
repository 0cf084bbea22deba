package overlay

import (
	"cmp"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"tandem/internal/lib/atomicfile"
	"tandem/internal/lib/rootfile"
)

const (
	// MaxFile bounds one file in bytes, maxAll all of a directory, and maxNames their number.
	MaxFile  = 1 << 20
	maxAll   = 4 << 20
	maxNames = 1000

	keyLength = 32
)

// ManifestSuffix is what the name of a manifest ends with, which lies beside its copy: in it,
// containers and builds would see it.
const ManifestSuffix = ".laid"

// copyName is how the directory of such a copy ends; the digits are the version.
var copyName = regexp.MustCompile(`-host-([0-9a-f]{16})(?:-anew)?$`)

// Dir is a directory whose files are laid over others.
type Dir struct {
	Path string
	Key  []byte // see Key
}

// Trouble is what is wrong with a directory, with one file of it a line.
type Trouble []string

func (t Trouble) Error() string { return strings.Join(t, "\n") }

// ErrChanged says that the directory was changed while it was read.
var ErrChanged = errors.New("it was changed while it was read")

// Key reads the key of all digests from a file, which it makes where there is none.
func Key(file string) ([]byte, error) {
	data, err := os.ReadFile(file)
	if err == nil && len(data) == keyLength {
		return data, nil
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	key := make([]byte, keyLength)
	if _, err := rand.Read(key); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		return nil, err
	}
	return key, atomicfile.Write(file, key, 0o600)
}

// entry is one file.
type entry struct {
	data       []byte
	executable bool
}

// manifest is what lies over a copy.
type manifest struct {
	Version string            `json:"version"`
	Files   map[string]string `json:"files"`  // name -> digest
	Sealed  map[string][]byte `json:"sealed"` // name -> content, encrypted
}

// Version is another one when anything in the directory changes; "" when there is nothing.
// What is wrong with it is Trouble.
func (d Dir) Version(ctx context.Context) (string, error) {
	files, err := d.read(ctx)
	if err != nil || len(files) == 0 {
		return "", err
	}
	return d.manifest(files).Version, nil
}

// Names are the files of the directory, whatever they are like. None is read.
func (d Dir) Names() ([]string, error) {
	var names []string
	err := fs.WalkDir(os.DirFS(d.Path), ".", func(name string, e fs.DirEntry, err error) error {
		if err == nil && !e.IsDir() && !leftBehind.MatchString(path.Base(name)) {
			names = append(names, name)
		}
		return err
	})
	return names, err
}

// Suffix is what the name of a copy ends with over which that version is laid.
func Suffix(version string) string {
	if version == "" {
		return ""
	}
	return "-host-" + version
}

// VersionOf is the version that is laid over the copy at root, "" for none.
func VersionOf(root string) string {
	if m := copyName.FindStringSubmatch(filepath.Base(root)); m != nil {
		return m[1]
	}
	return ""
}

// Base is the name of a copy without that.
func Base(name string) string { return copyName.ReplaceAllString(name, "") }

// Lay notes beside the copy at root, whose name ends with the Suffix of version, what lies
// over it. The files themselves are kept encrypted: what a release was made with is there
// when the directory has something else. A copy that has them is left as it is.
func (d Dir) Lay(ctx context.Context, version, root string) error {
	if _, done := Manifest(root); done {
		return nil
	}
	files, err := d.read(ctx)
	if err != nil {
		return err
	}
	m := d.manifest(files)
	if m.Version != version {
		return ErrChanged
	}
	m.Sealed = map[string][]byte{}
	for name, e := range files {
		if m.Sealed[name], err = d.seal(name, e.data); err != nil {
			return err
		}
	}
	data, err := json.Marshal(m)
	if err != nil {
		return err
	}
	return atomicfile.Write(filepath.Clean(root)+ManifestSuffix, data, 0o600)
}

// Read returns what one file was when it was laid over the copy at root.
func Read(root, name string, key []byte) ([]byte, error) {
	m, ok := manifestOf(root)
	if !ok {
		return nil, fs.ErrNotExist
	}
	return Dir{Key: key}.unseal(name, m.Sealed[name])
}

// cipher is that of the contents.
func (d Dir) cipher() (cipher.AEAD, error) {
	key := sha256.Sum256(append([]byte("contents\x00"), d.Key...))
	block, err := aes.NewCipher(key[:])
	if err != nil {
		return nil, err
	}
	return cipher.NewGCMWithRandomNonce(block)
}

func (d Dir) seal(name string, data []byte) ([]byte, error) {
	c, err := d.cipher()
	if err != nil {
		return nil, err
	}
	return c.Seal(nil, nil, data, []byte(name)), nil
}

func (d Dir) unseal(name string, sealed []byte) ([]byte, error) {
	c, err := d.cipher()
	if err != nil {
		return nil, err
	}
	return c.Open(nil, nil, sealed, []byte(name))
}

// Manifest returns which files of the copy at root were laid over it, each with its digest,
// and whether any were.
func Manifest(root string) (map[string]string, bool) {
	m, ok := manifestOf(root)
	return m.Files, ok
}

func manifestOf(root string) (manifest, bool) {
	version := VersionOf(root)
	if version == "" {
		return manifest{}, false
	}
	data, err := rootfile.Read(context.Background(), filepath.Dir(root), filepath.Base(root)+ManifestSuffix, 2*maxAll)
	if err != nil {
		return manifest{}, false
	}
	var found manifest
	if err := json.Unmarshal(data, &found); err != nil || found.Version != version {
		return manifest{}, false
	}
	return found, true
}

func (d Dir) manifest(files map[string]entry) manifest {
	m := manifest{Files: map[string]string{}}
	all := hmac.New(sha256.New, d.Key)
	for _, name := range slices.Sorted(maps.Keys(files)) {
		one := hmac.New(sha256.New, d.Key)
		_, _ = fmt.Fprintf(one, "%s\x00%s\x00%t\x00", d.Path, name, files[name].executable)
		_, _ = one.Write(files[name].data) // a hash takes everything
		m.Files[name] = hex.EncodeToString(one.Sum(nil)[:16])
		_, _ = fmt.Fprintf(all, "%s\x00%s\x00", name, m.Files[name])
	}
	m.Version = hex.EncodeToString(all.Sum(nil)[:8])
	return m
}

// leftBehind are names that editors leave while somebody writes.
var leftBehind = regexp.MustCompile(`~$|^\..*\.sw[a-z]$|^#.*#$|^\.#`)

// read reads all files. A directory that does not exist has none.
func (d Dir) read(ctx context.Context) (_ map[string]entry, err error) {
	dir, err := os.OpenRoot(d.Path + "/.")
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, Trouble{fmt.Sprintf("%s cannot be read: %v", d.Path, errors.Unwrap(err))}
	}
	defer func() { err = errors.Join(err, dir.Close()) }()
	files, left := map[string]entry{}, int64(maxAll)
	var wrong Trouble
	err = fs.WalkDir(dir.FS(), ".", func(name string, e fs.DirEntry, err error) error {
		if err = cmp.Or(err, ctx.Err()); err != nil {
			return err
		}
		if leftBehind.MatchString(path.Base(name)) && name != "." {
			return nil
		}
		full := filepath.Join(d.Path, name)
		info, err := dir.Stat(name) // of what a link leads to
		switch {
		case rootfile.IsOutside(err):
			wrong = append(wrong, full+" leads out of the directory: put the file itself there")
			return nil
		case err != nil:
			return err
		}
		if text := private(full, info); text != "" {
			wrong = append(wrong, text)
		}
		switch {
		case info.IsDir():
			return nil
		case len(files) >= maxNames:
			return Trouble{fmt.Sprintf("%s has more than %d files", d.Path, maxNames)}
		case !info.Mode().IsRegular():
			wrong = append(wrong, full+" is no file: remove it")
			return nil
		}
		data, err := rootfile.ReadIn(ctx, dir, name, min(left, MaxFile))
		switch {
		case errors.Is(err, rootfile.ErrTooLarge):
			wrong = append(wrong, fmt.Sprintf("%s is too large: a file may have %d KiB, and all of them %d MiB", full, MaxFile>>10, maxAll>>20))
			return nil
		case err != nil:
			return err
		}
		left -= int64(len(data))
		files[name] = entry{data, info.Mode()&0o100 != 0}
		return nil
	})
	if len(wrong) > 0 {
		return nil, wrong
	}
	return files, err
}
