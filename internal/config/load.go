package config

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"tandem/internal/lib/strictyaml"
	"tandem/reconciler/deploy"
)

// BindFlags adds a flag for each key of the file to flags.
func BindFlags(flags *pflag.FlagSet) {
	defaults := Default()
	for _, s := range settings() {
		switch field := s.at(&defaults).(type) {
		case *string:
			flags.String(s.flag(), *field, s.usage)
		case *URL:
			flags.String(s.flag(), field.Raw(), s.usage)
		case *Poll:
			flags.String(s.flag(), field.String(), s.usage)
		case *deploy.PortRange:
			flags.String(s.flag(), field.String(), s.usage)
		case *int64:
			flags.String(s.flag(), strictyaml.FormatSize(*field), s.usage)
		case *[]string:
			flags.StringSlice(s.flag(), *field, s.usage)
		}
	}
}

// Load puts the configuration together: the defaults, the file at path, the
// variables that env looks up, the flags that BindFlags added and that were
// given; the later one wins. env and flags may be nil.
//
// An empty path means DefaultPath, which need not exist. The files with
// credentials that the configuration names must exist, and be closed to others.
// The error is deploy.Faults; each says in which file, variable or flag it
// is, and none repeats a credential.
func Load(path string, env func(string) (string, bool), flags *pflag.FlagSet) (Config, error) {
	if path == "" {
		return load(DefaultPath, false, env, flags)
	}
	return load(path, true, env, flags)
}

// load is Load; a file that is not needed may be missing.
func load(path string, needed bool, env func(string) (string, bool), flags *pflag.FlagSet) (Config, error) {
	l := &loader{config: Default(), path: path, origins: map[string]origin{}}
	readable := l.readFile(needed)
	if env != nil {
		l.readVariables(env)
	}
	if flags != nil {
		l.readFlags(flags)
	}
	if readable { // else each key of the file would be reported as missing
		v := validator{config: l.config, where: l.where, faults: l.faults}
		v.all()
		v.files()
		l.faults = v.faults
	}
	return l.config, l.faults.Ordered().Err()
}

// origin is where a value comes from: a file and a line, a variable or a flag.
type origin struct {
	name string
	line int
}

type loader struct {
	config  Config
	path    string
	origins map[string]origin // by key; what is missing is a default
	faults  deploy.Faults
}

func (l *loader) fault(file string, line int, path, text string) {
	l.faults = append(l.faults, deploy.Fault{File: file, Line: line, Path: path, Text: text})
}

// where says whom to blame for the value of a key.
func (l *loader) where(key string) (string, int) {
	if o, known := l.origins[key]; known {
		return o.name, o.line
	}
	return l.path, 0
}

// readFile returns false when nothing can be said of the keys in the file.
func (l *loader) readFile(needed bool) bool {
	data, mode, err := readFile(l.path)
	if errors.Is(err, fs.ErrNotExist) {
		if needed {
			l.fault(l.path, 0, "", "there is no such file")
		}
		return !needed
	}
	if err != nil {
		l.fault(l.path, 0, "", "cannot be read: "+cause(err))
		return false
	}
	if mode.Perm()&0o002 != 0 {
		l.fault(l.path, 0, "", fmt.Sprintf("everyone may write it (mode %04o); run: chmod 644 %s", mode.Perm(), l.path))
	}
	return l.decode(data)
}

func (l *loader) decode(data []byte) bool {
	root, _ := strictyaml.Parse(data, func(line int, path, text string) { l.fault(l.path, line, path, text) })
	if !root.IsMapping() {
		return false
	}
	l.readKeys(root, "", settings())
	return true
}

// readKeys reads one mapping of the file. The settings are those at or below it,
// and prefix is what their keys have in common.
func (l *loader) readKeys(n strictyaml.Node, prefix string, below []setting) {
	children := map[string][]setting{}
	var known []string
	for _, s := range below {
		child, _, _ := strings.Cut(strings.TrimPrefix(s.key, prefix), ".")
		if !slices.Contains(known, child) {
			known = append(known, child)
		}
		children[child] = append(children[child], s)
	}
	if !n.Mapping(known...) {
		return
	}
	for _, child := range slices.Sorted(maps.Keys(children)) {
		at := n.Get(child)
		if !at.Present() {
			continue
		}
		if s := children[child]; s[0].key == prefix+child {
			l.readValue(at, s[0])
		} else {
			l.readKeys(at, prefix+child+".", s)
		}
	}
}

func (l *loader) readValue(n strictyaml.Node, s setting) {
	l.origins[s.key] = origin{l.path, n.Line}
	switch field := s.at(&l.config).(type) {
	case *string:
		n.Text(field)
	case *URL: // Text could repeat a password in its message
		var text string
		if n.Literal(&text) {
			*field = URL(text)
		}
	case *Poll, *int64, *deploy.PortRange:
		l.readParsed(n, field)
	case *[]string:
		*field = nil
		for _, item := range n.Items() {
			var text string
			if item.Text(&text) {
				*field = append(*field, text)
			}
		}
	}
}

// readParsed reads what stands in the file as it does in a flag.
func (l *loader) readParsed(n strictyaml.Node, field any) {
	var text string
	if !n.Literal(&text) {
		return
	}
	if err := assign(field, text); err != nil {
		n.Fault("%v", err)
	}
}

func (l *loader) readVariables(env func(string) (string, bool)) {
	for _, s := range settings() {
		text, given := env(s.variable())
		if !given {
			continue
		}
		l.origins[s.key] = origin{name: s.variable()}
		if err := assign(s.at(&l.config), text); err != nil {
			l.fault(s.variable(), 0, s.key, err.Error())
		}
	}
}

func (l *loader) readFlags(flags *pflag.FlagSet) {
	for _, s := range settings() {
		f := flags.Lookup(s.flag())
		if f == nil || !f.Changed {
			continue
		}
		l.origins[s.key] = origin{name: "--" + s.flag()}
		if list, ok := f.Value.(pflag.SliceValue); ok {
			*s.at(&l.config).(*[]string) = list.GetSlice()
			continue
		}
		if err := assign(s.at(&l.config), f.Value.String()); err != nil {
			l.fault("--"+s.flag(), 0, s.key, err.Error())
		}
	}
}

// readFile reads a little more than a file may have, for Parse to refuse.
func readFile(path string) ([]byte, fs.FileMode, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, 0, err
	}
	defer func() { _ = f.Close() }() // it was only read
	info, err := f.Stat()
	if err != nil {
		return nil, 0, err
	}
	data, err := io.ReadAll(io.LimitReader(f, strictyaml.MaxBytes+1))
	return data, info.Mode(), err
}

// cause is err without the name of the file, which the message has already.
func cause(err error) string {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err.Error()
	}
	return err.Error()
}
