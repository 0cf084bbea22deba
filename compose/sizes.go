package compose

import (
	"errors"
	"fmt"
	"io"
	"iter"
	"maps"
	"math"
	"os"
	"regexp"
	"slices"
	"strconv"

	"github.com/compose-spec/compose-go/v2/loader"
	"github.com/compose-spec/compose-go/v2/template"
)

// What the loader may be given to read: it keeps all of it in memory, many times
// over. Files that are mounted into containers only are not counted.
const (
	maxFile  = 1 << 20 // bytes of one Compose file, or file with variables or labels
	maxFiles = 8 << 20 // bytes of all that one Compose file leads to

	// maxUnfolded bounds, in bytes, what aliases and variables make of them.
	maxUnfolded = 32 << 20

	maxDepth = 100 // of a Compose file: what reads it takes more than linear time
)

var errUnfolded = fmt.Errorf("aliases or variables make more than %d MiB of it: write it with fewer of them", maxUnfolded>>20)

// quota is how much the files of one Compose file may still hold.
type quota struct {
	left      int64
	seen      map[string][]byte
	variables int64 // bytes of the files with variables
	mentions  int   // of variables in those
	ports     map[string]bool
}

func newQuota() *quota {
	return &quota{left: maxFiles, seen: map[string][]byte{}, ports: map[string]bool{}}
}

// read returns the content of a file that the loader is going to read. The error
// is for a person, and holds no directory of this host.
func (f *file) read(full string) ([]byte, error) {
	if data, ok := f.quota.seen[full]; ok {
		return data, nil
	}
	name := relative(f.app.Root, full)
	info, err := os.Stat(full)
	switch {
	case err != nil:
		return nil, fmt.Errorf("%s cannot be read", name)
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("%s is not a file", name)
	case info.Size() > maxFile:
		return nil, fmt.Errorf("%s is larger than %d KiB: nothing that Compose reads has to be", name, maxFile>>10)
	case info.Size() > f.quota.left:
		return nil, fmt.Errorf("with %s the files that Compose reads are larger than %d MiB together: make them smaller", name, maxFiles>>20)
	}
	data, err := readAtMost(full, maxFile)
	if err != nil {
		return nil, fmt.Errorf("%s cannot be read", name)
	}
	f.quota.left -= int64(len(data))
	f.quota.seen[full] = data
	return data, nil
}

func readAtMost(full string, most int64) (_ []byte, err error) {
	in, err := os.Open(full)
	if err != nil {
		return nil, err
	}
	defer func() { err = closing(in, err) }()
	return io.ReadAll(io.LimitReader(in, most))
}

func closing(c io.Closer, err error) error {
	if closeErr := c.Close(); err == nil {
		return closeErr
	}
	return err
}

var mention = regexp.MustCompile(`\$\{?[A-Za-z_]`)

// readVariables is read for a file that sets variables. One may name others, so
// that a few lines can double to anything: the bound is what so many mentions
// could make of so many bytes at the worst, whatever is said where.
func (f *file) readVariables(full string) error {
	_, known := f.quota.seen[full]
	data, err := f.read(full)
	if err != nil || known {
		return err
	}
	f.quota.variables += int64(len(data))
	f.quota.mentions += len(mention.FindAllIndex(data, -1))
	if float64(f.quota.variables)*math.Exp(float64(f.quota.mentions)/math.E) > maxUnfolded {
		return fmt.Errorf("with %s there are too many variables that are made of others (%d times): write their values out", relative(f.app.Root, full), f.quota.mentions)
	}
	return nil
}

// measure finds out what a document holds, and whether that is too much. What is
// behind aliases is counted each time: so it is when it is written out.
type measure struct{ left int64 }

func (m *measure) fits(v any, depth int) error {
	if depth > maxDepth {
		return fmt.Errorf("it is nested deeper than %d levels", maxDepth)
	}
	if m.left -= 16; m.left < 0 {
		return errUnfolded
	}
	switch v := v.(type) {
	case string:
		m.left -= int64(len(v))
	case []any:
		return m.all(slices.Values(v), depth)
	case map[string]any:
		for k := range v {
			m.left -= int64(len(k))
		}
		return m.all(maps.Values(v), depth)
	case map[any]any:
		return errors.Join(m.all(maps.Keys(v), depth), m.all(maps.Values(v), depth))
	}
	return nil
}

func (m *measure) all(values iter.Seq[any], depth int) error {
	for v := range values {
		if err := m.fits(v, depth+1); err != nil {
			return err
		}
	}
	return nil
}

// bounded makes the loader stop when variables make too much of the file, or
// ranges too many ports: it makes a port of each before anybody can count them.
func (f *file) bounded(o *loader.Options) {
	if o.Interpolate == nil {
		return // the loader only looks where the files are
	}
	left, ports := maxUnfolded, maxPorts
	o.Interpolate.Substitute = func(text string, value template.Mapping) (string, error) {
		if left < 0 {
			return "", nil // told already; the loader goes on to the end
		}
		left -= len(text)
		out, err := template.Substitute(text, func(name string) (string, bool) {
			v, ok := value(name)
			if left -= len(v); left < 0 {
				return "", ok
			}
			return v, ok
		})
		if left < 0 {
			return "", errUnfolded
		}
		if f.quota.ports[text] {
			if ports -= portsOf(out); ports < 0 {
				return "", fmt.Errorf("more than %d ports: publish those that are needed", maxPorts)
			}
		}
		return out, err
	}
}

var portRange = regexp.MustCompile(`(\d+)-(\d+)`)

// portsOf is how many ports the short form stands for.
func portsOf(text string) int {
	n := 1
	for _, m := range portRange.FindAllStringSubmatch(text, -1) {
		first, errFirst := strconv.Atoi(m[1])
		last, errLast := strconv.Atoi(m[2])
		if errFirst == nil && errLast == nil && last > first {
			n = max(n, last-first+1)
		}
	}
	return n
}

// guarded turns a panic of the loader into an error: what is in a repository
// must not end the agent.
func guarded[T any](load func() (T, error)) (v T, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = errors.New("it cannot be read as a Compose file: look for a value of the wrong type")
		}
	}()
	return load()
}
