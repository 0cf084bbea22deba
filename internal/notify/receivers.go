package notify

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"unicode"
)

// fileLimit is the size in bytes up to which the file with the addresses is read.
const fileLimit = 1 << 20

// receiver is one address.
type receiver struct {
	id   string // tells it from the others, also after a restart; a hash, so that the journal holds no secret
	name string // for the log: "line 3 (slack)"
	url  string // a secret
}

// book is the file with the addresses, read anew whenever it has changed.
type book struct {
	path  string
	check func(url string) error // whether it can be an address; the error holds no part of it

	content   []byte
	read      bool
	receivers []receiver
}

// load returns the receivers that can be told. What is wrong with the file or one
// of its lines is an error, which is returned once, until the file changes.
func (b *book) load() ([]receiver, error) {
	content, err := readPrivate(b.path)
	if err != nil {
		content = []byte(err.Error()) // so that another error is another content
	}
	if b.read && bytes.Equal(content, b.content) {
		return b.receivers, nil
	}
	b.read, b.content, b.receivers = true, content, nil
	if err != nil {
		return nil, err
	}
	b.receivers, err = parse(string(content), b.check)
	return b.receivers, err
}

// readPrivate reads a file that others must not read.
func readPrivate(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // it was only read
	info, err := f.Stat()
	switch {
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular():
		return nil, &fs.PathError{Op: "read", Path: path, Err: errors.New("not a file")}
	case info.Mode().Perm()&0o007 != 0:
		return nil, fmt.Errorf("everyone on this host may use %s (mode %04o); run: chmod 600 %s", path, info.Mode().Perm(), path)
	}
	return io.ReadAll(io.LimitReader(f, fileLimit))
}

// parse reads one address a line. The error names the lines that hold none.
func parse(text string, check func(string) error) ([]receiver, error) {
	var found []receiver
	var errs []error
	known := map[string]bool{}
	for i, line := range strings.Split(text, "\n") {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		if err := acceptable(line, check); err != nil {
			errs = append(errs, fmt.Errorf("line %d: %w", i+1, err))
			continue
		}
		if id := identify(line); !known[id] {
			known[id] = true
			found = append(found, receiver{id: id, name: fmt.Sprintf("line %d (%s)", i+1, service(line)), url: line})
		}
	}
	return found, errors.Join(errs...)
}

func acceptable(line string, check func(string) error) error {
	if strings.ContainsFunc(line, func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) }) {
		return errors.New("holds a space or a control character; write one address a line")
	}
	return check(line)
}

// identify returns what stands for an address in the journal.
func identify(url string) string {
	sum := sha256.Sum256([]byte(url))
	return hex.EncodeToString(sum[:8])
}

// service is the word before the colon of an address that was found acceptable,
// which is the service's name and no secret.
func service(url string) string {
	scheme, _, _ := strings.Cut(url, ":")
	name, _, _ := strings.Cut(scheme, "+")
	return strings.ToLower(name)
}
