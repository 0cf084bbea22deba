package composefile

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"math"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"tandem/internal/lib/rootfile"
)

// What the loader may be given to read: it keeps all of it in memory, many times
// over. Files that are mounted into containers only are not counted.
const (
	maxFile  = 1 << 20 // bytes of one Compose file, or file with variables or labels
	maxFiles = 8 << 20 // bytes of all that one Compose file leads to

	// maxUnfolded bounds, in bytes of memory, what aliases, variables, includes and
	// extends make of them.
	maxUnfolded = 32 << 20

	maxDepth      = 100 // of a Compose file: what reads it takes more than linear time
	maxServices   = 200 // of an app, with those of inactive profiles, and those that others only extend
	maxReferences = 200 // include and extends with a file
	MaxPorts      = 500 // that a Compose file may publish or expose, with ranges written out

	maxNested = 20 // of variables in each other's defaults: so does what puts them in

	// What the loader needs for one value of a file beside its text, and for each byte
	// that a variable puts into one, in copies of what it has so far.
	perValue = 512
	perByte  = 4
)

var errUnfolded = fmt.Errorf("aliases or variables make more than %d MiB of it: write it with fewer of them", maxUnfolded>>20)

// quota is how much the files of one Compose file may still hold.
type quota struct {
	left      int64
	seen      map[string][]byte
	variables int64               // bytes of the files with variables
	mentions  int                 // of variables in those
	ports     map[string]portText // by what is written
}

func newQuota() *quota {
	return &quota{left: maxFiles, seen: map[string][]byte{}, ports: map[string]portText{}}
}

// read returns the content of a file that the loader is going to read. The error
// is for a person, and holds no directory of this host.
func (f *File) read(full string) ([]byte, error) {
	if data, ok := f.quota.seen[full]; ok {
		return data, nil
	}
	name := rootfile.Relative(f.App.Root, full)
	// So few bytes of a regular file are read before anybody could want to stop it.
	data, err := rootfile.Read(context.Background(), f.App.Root, name, maxFile)
	switch {
	case errors.Is(err, rootfile.ErrOutside):
		return nil, fmt.Errorf("%s leads out of the app's directory: put the file there", name)
	case errors.Is(err, rootfile.ErrNotRegular):
		return nil, fmt.Errorf("%s is not a file", name)
	case errors.Is(err, rootfile.ErrTooLarge):
		return nil, fmt.Errorf("%s is larger than %d KiB: nothing that Compose reads has to be", name, maxFile>>10)
	case err != nil:
		return nil, fmt.Errorf("%s cannot be read", name)
	case IsLFSPointer(string(data), int64(len(data))):
		return nil, fmt.Errorf("%s cannot be used: %s", name, pointerAdvice)
	case int64(len(data)) > f.quota.left:
		return nil, fmt.Errorf("with %s the files that Compose reads are larger than %d MiB together: make them smaller", name, maxFiles>>20)
	}
	f.quota.left -= int64(len(data))
	f.quota.seen[full] = data
	return data, nil
}

// readForeign reads a file outside the app's directory that the host's policy allows
// a service to be given. It is the host's own, and so may be a link.
func readForeign(full string) ([]byte, error) {
	real, err := filepath.EvalSymlinks(full)
	if err != nil {
		return nil, fmt.Errorf("%s cannot be read", full)
	}
	data, err := rootfile.Read(context.Background(), filepath.Dir(real), filepath.Base(real), maxFile)
	switch {
	case errors.Is(err, rootfile.ErrTooLarge):
		return nil, fmt.Errorf("%s is larger than %d KiB: nothing that Compose reads has to be", full, maxFile>>10)
	case err != nil:
		return nil, fmt.Errorf("%s cannot be read", full)
	}
	return data, nil
}

var mention = regexp.MustCompile(`\$\{?[A-Za-z_]`)

// ReadVariables reads a file that sets variables. One may name others, so
// that a few lines can double to anything: the bound is what so many mentions
// could make of so many bytes at the worst, whatever is said where.
func (f *File) ReadVariables(full string) error {
	_, known := f.quota.seen[full]
	data, err := f.read(full)
	if err != nil || known {
		return err
	}
	if err := shallow(string(data)); err != nil {
		return fmt.Errorf("in %s %w", rootfile.Relative(f.App.Root, full), err)
	}
	f.quota.variables += int64(len(data))
	f.quota.mentions += len(mention.FindAllIndex(data, -1))
	if float64(f.quota.variables)*math.Exp(float64(f.quota.mentions)/math.E) > maxUnfolded {
		return fmt.Errorf("with %s there are too many variables that are made of others (%d times): write their values out", rootfile.Relative(f.App.Root, full), f.quota.mentions)
	}
	return nil
}

// shallow checks how deep variables stand in each other's defaults: ${A:-${B:-c}}.
func shallow(text string) error {
	depth := 0
	for i := range len(text) {
		switch {
		case text[i] == '}' && depth > 0:
			depth--
		case strings.HasPrefix(text[i:], "${"):
			if depth++; depth > maxNested {
				return fmt.Errorf("variables stand in each other more than %d levels deep: write the value out", maxNested)
			}
		}
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
	if m.left -= perValue; m.left < 0 {
		return errUnfolded
	}
	switch v := v.(type) {
	case string:
		m.left -= int64(len(v))
		return shallow(v)
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

// sizeOf is what a value costs, for one that fits.
func sizeOf(v any) int64 {
	m := &measure{left: math.MaxInt64}
	if err := m.fits(v, 0); err != nil {
		return maxUnfolded
	}
	return math.MaxInt64 - m.left
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

var portRange = regexp.MustCompile(`(\d+)-(\d+)`)

// CountPorts is how many ports the short form stands for.
func CountPorts(text string) int {
	n := 1
	for _, m := range portRange.FindAllStringSubmatch(text, -1) {
		first, errFirst := strconv.Atoi(m[1])
		last, errLast := strconv.Atoi(m[2])
		if errFirst == nil && errLast == nil && last > first {
			n = max(n, min(last-first, MaxPorts)+1)
		}
	}
	return n
}
