package composefile

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/template"

	"tandem/internal/lib/plaintext"
	"tandem/internal/lib/rootfile"
	"tandem/reconciler/deploy"
)

// Unset collects the variables of an app's Compose files that nothing gives a value.
// Compose puts nothing in their place and says so on a terminal, where nobody looks after a
// push: an app would run with an empty password.
type Unset struct {
	// HostDir is where the app's server may have more files, for messages.
	HostDir string
	// Here are the files of that directory where this machine has it and they are not laid over
	// the app's.
	Here map[string]bool
	// Elsewhere says that the directory is on another machine: what it may hold is a note.
	Elsewhere bool

	uses  []unsetUse
	notes []deploy.Note // what else is to be told
}

func (u *Unset) elsewhere() bool { return u != nil && u.Elsewhere }

// inHostDir tells whether a file that is not among the app's is in the host directory, or
// may be.
func (u *Unset) inHostDir(rel string) bool { return u.elsewhere() || u != nil && u.Here[rel] }

// MayBeInHostDir tells whether a file that is not there may be in the host directory.
func (f *File) MayBeInHostDir(full string) bool {
	return f.unset.inHostDir(rootfile.Relative(f.App.Root, filepath.Clean(full)))
}

// HostPath is where a file of the app may be on its server, for messages.
func (f *File) HostPath(full string) string {
	if f.unset == nil {
		return ""
	}
	return filepath.Join(f.unset.HostDir, rootfile.Relative(f.App.Root, filepath.Clean(full)))
}

// MissingElsewhere tells whether a file of the app that is not here may be in its host
// directory on another machine, and notes that.
func (f *File) MissingElsewhere(full string, path ...string) bool {
	rel := rootfile.Relative(f.App.Root, filepath.Clean(full))
	if f.unset != nil && f.unset.Here[rel] {
		return true
	}
	if !f.unset.elsewhere() || !rootfile.Below(filepath.Clean(f.App.Root), filepath.Clean(full)) {
		return false
	}
	if _, err := os.Lstat(full); !errors.Is(err, fs.ErrNotExist) {
		return false
	}
	file, line := f.Locate(path...)
	f.unset.note(deploy.Note{File: file, Line: line, Path: PathText(path), Text: plaintext.WithoutEscapes(fmt.Appendf(nil,
		"%s is not in git: put it on the server at %s, or into git, encrypted with SOPS; not checked here", rel, filepath.Join(f.unset.HostDir, rel)))})
	return true
}

// note adds one, once.
func (u *Unset) note(n deploy.Note) {
	if !slices.Contains(u.notes, n) {
		u.notes = append(u.notes, n)
	}
}

// unsetUse is one place where a variable has no value.
type unsetUse struct {
	gap
	file     string
	line     int
	path     []string
	service  string // that is run with it; empty: none alone
	reserved bool   // a name of tandem's, which this file is not given
}

// gap is a variable without a value in a text.
type gap struct {
	name  string
	asked bool   // ${X:?}: the file itself demands a value
	words string // that its author has for it
}

// WithoutValue lists the variables in a text that have no value and no default.
func WithoutValue(text string, value func(name string) (string, bool)) []string {
	var names []string
	for _, g := range gaps(text, value) {
		names = append(names, g.name)
	}
	return names
}

// gaps finds the variables in a text that have no value and no default, in the way in
// which the Compose library puts them in.
func gaps(text string, value template.Mapping) []gap {
	var found []gap
	for _, m := range template.DefaultPattern.FindAllString(text, -1) {
		if !strings.HasPrefix(m, "${") {
			if name := strings.TrimPrefix(m, "$"); !strings.HasPrefix(name, "$") {
				if _, ok := value(name); !ok && name != "" {
					found = append(found, gap{name: name})
				}
			}
			continue
		}
		inner, rest := braces(m)
		found = append(found, bracedGaps(inner, value)...)
		found = append(found, gaps(rest, value)...)
	}
	return found
}

// braces splits what begins with "${" behind the brace that closes it.
func braces(text string) (inner, rest string) {
	depth := 0
	for i := range len(text) {
		switch text[i] {
		case '{':
			depth++
		case '}':
			if depth--; depth == 0 {
				return text[2:i], text[i+1:]
			}
		}
	}
	return text[2:], ""
}

var operation = regexp.MustCompile(`(?s)^([_A-Za-z][_A-Za-z0-9]*)(:?[-+?])?(.*)$`)

func bracedGaps(inner string, value template.Mapping) []gap {
	m := operation.FindStringSubmatch(inner)
	if m == nil {
		return nil // the loader says what is wrong with it
	}
	v, ok := value(m[1])
	if strings.HasPrefix(m[2], ":") {
		ok = ok && v != ""
	}
	switch strings.TrimPrefix(m[2], ":") {
	case "-":
		if ok {
			return nil
		}
		return gaps(m[3], value)
	case "+":
		if !ok {
			return nil
		}
		return gaps(m[3], value)
	case "?":
		if ok {
			return nil
		}
		return []gap{{name: m[1], asked: true, words: m[3]}}
	}
	if ok {
		return nil
	}
	return []gap{{name: m[1]}}
}

// noteGaps remembers the gaps of a text that the loader is about to fill in, and returns
// what fills them so that the rest of the file can be looked at.
func (f *File) noteGaps(text string, value template.Mapping) template.Mapping {
	found := gaps(text, value)
	if len(found) == 0 {
		return value
	}
	if f.gaps == nil {
		f.gaps = map[string][]gap{}
	}
	known := f.gaps[text]
	for _, g := range found {
		if !slices.Contains(known, g) {
			known = append(known, g)
		}
	}
	f.gaps[text] = known
	fill := f.fillerOf(text)
	return func(name string) (string, bool) {
		if slices.ContainsFunc(found, func(g gap) bool { return g.name == name }) {
			return fill, true
		}
		return value(name)
	}
}

// fillerOf is a word that may stand where a text stands. It is never run.
func (f *File) fillerOf(text string) string {
	for _, m := range f.mentions() {
		if m.text != text || len(m.path) < 3 {
			continue
		}
		switch key, last := m.path[2], m.path[len(m.path)-1]; {
		case m.path[0] != "services", key == "environment", key == "labels", key == "command", key == "entrypoint":
		case key == "volumes" && strings.HasPrefix(text, "$"):
			return "/unset"
		case key == "healthcheck" && last != "test" && last != "retries", key == "stop_grace_period":
			return "1s"
		case slices.Contains([]string{"privileged", "read_only", "tty", "stdin_open", "init", "disable", "oom_kill_disable"}, last):
			return "false"
		case key == "image", key == "volumes", key == "env_file", key == "container_name", key == "networks", key == "user":
			return "unset"
		default:
			return "1"
		}
	}
	return "unset"
}

// closeGaps is called when the files were loaded as well as they could be. runs tells of
// which services; nil: the loader did not get so far.
func (f *File) closeGaps(runs map[string]bool) {
	if f.unset == nil || len(f.gaps) == 0 {
		return
	}
	seen := map[string]bool{}
	reached := f.reached(runs)
	for _, m := range f.mentions() {
		service, ok := reached.takesPart(m)
		if !ok {
			continue
		}
		for _, g := range f.gaps[m.text] {
			key := fmt.Sprint(m.file, m.line, g.name, service)
			if seen[key] {
				continue
			}
			seen[key] = true
			_, reserved := f.App.Reserved()[g.name]
			f.unset.add(unsetUse{gap: g, file: m.file, line: m.line, path: m.path, service: service, reserved: reserved})
		}
	}
}

func (u *Unset) add(use unsetUse) {
	same := func(x unsetUse) bool {
		return x.gap == use.gap && x.file == use.file && x.line == use.line && x.service == use.service
	}
	if !slices.ContainsFunc(u.uses, same) {
		u.uses = append(u.uses, use)
	}
}

// Faults are the variables that must have a value here.
func (u *Unset) Faults() deploy.Faults {
	if u.Elsewhere {
		return nil
	}
	return u.all("")
}

// Notes are the variables that another machine may have values for, and what else there is
// to tell.
func (u *Unset) Notes() []deploy.Note {
	notes := slices.Clone(u.notes)
	if !u.Elsewhere {
		return notes
	}
	for _, use := range u.sorted() {
		notes = append(notes, deploy.Note{File: use.file, Line: use.line, Path: PathText(use.path), Text: plaintext.WithoutEscapes(fmt.Appendf(nil,
			"%s%s has no value in git%s: give it on the server in %s/.env, or here under env: or secrets: in tandem.yaml; not checked here", use.name, use.of(), use.demand(), u.HostDir))})
	}
	return notes
}

// Unreadable are the same where the files cannot be read without them.
func (u *Unset) Unreadable() deploy.Faults {
	return u.all("without it this file cannot be read here; ")
}

func (u *Unset) all(why string) deploy.Faults {
	var faults deploy.Faults
	for _, use := range u.sorted() {
		faults = append(faults, deploy.Fault{File: use.file, Line: use.line, Path: PathText(use.path),
			Text: plaintext.WithoutEscapes(fmt.Appendf(nil, "%s%s has no value%s: %s%s", use.name, use.of(), use.demand(), why, u.advice(use)))})
	}
	return faults
}

func (u *Unset) sorted() []unsetUse {
	return slices.SortedStableFunc(slices.Values(u.uses), func(a, b unsetUse) int {
		if a.file != b.file {
			return strings.Compare(a.file, b.file)
		}
		return a.line - b.line
	})
}

// of names the service.
func (x unsetUse) of() string {
	if x.service == "" {
		return ""
	}
	return " (service " + x.service + ")"
}

// demand is what the file's author says of it.
func (x unsetUse) demand() string {
	if !x.asked || strings.TrimSpace(x.words) == "" {
		return ""
	}
	return fmt.Sprintf(" (%q)", x.words)
}

func (u *Unset) advice(x unsetUse) string {
	if x.reserved {
		return "it is another one with each deploy, which the shared stack must survive: write out what you mean"
	}
	text := fmt.Sprintf("write it under env: in tandem.yaml, or, for a password, into a file of secrets: with SOPS, or on the server into %s/.env", u.HostDir)
	if !x.asked && !(len(x.path) > 2 && x.path[2] == "image") {
		text += fmt.Sprintf("; if empty is meant, write ${%s-}", x.name)
	}
	if len(x.path) > 2 && slices.Contains([]string{"command", "entrypoint", "healthcheck", "post_start", "pre_stop"}, x.path[2]) {
		text += fmt.Sprintf("; if the shell in the container is to put it in, write $$%s", x.name)
	}
	return text
}

// Plausible leaves out the faults that come from what was put in place of a missing value.
func (u *Unset) Plausible(faults deploy.Faults) deploy.Faults {
	return slices.DeleteFunc(slices.Clone(faults), func(x deploy.Fault) bool {
		return slices.ContainsFunc(u.uses, func(use unsetUse) bool {
			if x.File != use.file {
				return false
			}
			where := strings.Split(x.Path, ".")
			return x.Line == use.line || len(where) > 2 && len(use.path) >= len(where) && slices.Equal(where, use.path[:len(where)])
		})
	})
}

// Any tells whether there is one.
func (u *Unset) Any() bool { return len(u.uses) > 0 }
