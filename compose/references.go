package compose

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/goccy/go-yaml"

	"tandem/reconciler"
)

// references is the part of a Compose file that makes the loader read others.
type references struct {
	Include  []any `yaml:"include"`
	Services map[string]struct {
		Extends any `yaml:"extends"`
	} `yaml:"services"`
}

// referenceFaults finds includes and extends that lead out of the app's
// directory, before the loader follows them: it would fetch what is remote, and
// a message of its own could quote a file of this host.
func (f *file) referenceFaults() reconciler.Faults {
	w := &referenceWalk{root: f.app.Root, dir: f.app.Dir, seen: map[string]bool{}}
	for i, full := range f.paths {
		w.file(full, f.dir(), f.source[i])
	}
	return inOrder(w.faults)
}

type referenceWalk struct {
	root, dir string
	seen      map[string]bool
	faults    reconciler.Faults
}

// file looks at one file; base is what its includes are relative to.
func (w *referenceWalk) file(full, base string, src *source) {
	if w.seen[full] {
		return
	}
	w.seen[full] = true
	data, err := os.ReadFile(full)
	if err != nil {
		return // the loader says it better
	}
	var refs references
	if err := yaml.Unmarshal(data, &refs); err != nil {
		return // the same; nothing is followed in a file that is no YAML
	}
	for _, entry := range refs.Include {
		w.include(entry, base, src)
	}
	for _, name := range sortedKeys(refs.Services) {
		if e, ok := refs.Services[name].Extends.(map[string]any); ok {
			if other, ok := e["file"].(string); ok {
				w.follow(other, filepath.Dir(full), at(name, "extends"), src)
			}
		}
	}
}

// include looks at one entry of include: a path, or a mapping with paths.
func (w *referenceWalk) include(entry any, base string, src *source) {
	where := []string{"include"}
	m, ok := entry.(map[string]any)
	if !ok {
		m = map[string]any{"path": entry}
	}
	if dir, ok := m["project_directory"].(string); ok {
		w.allowed(dir, base, where, src)
		base = filepath.Join(base, dir)
	}
	for _, p := range texts(m["path"]) {
		w.follow(p, base, where, src)
	}
	for _, p := range texts(m["env_file"]) {
		if p != "/dev/null" {
			w.allowed(p, base, where, src)
		}
	}
}

func texts(v any) []string {
	switch v := v.(type) {
	case string:
		return []string{v}
	case []any:
		var all []string
		for _, x := range v {
			all = append(all, texts(x)...)
		}
		return all
	}
	return nil
}

// follow checks a reference to another Compose file and looks into that.
func (w *referenceWalk) follow(name, base string, where []string, src *source) {
	full, ok := w.allowed(name, base, where, src)
	if !ok {
		return
	}
	next, err := readSource(full, path.Join(w.dir, relative(w.root, full)))
	if err != nil {
		return // a directory, perhaps; the loader says it better
	}
	w.file(full, filepath.Dir(full), next)
}

// allowed tells whether the name leads to a file in the app's directory, and
// adds a fault if it leads elsewhere.
func (w *referenceWalk) allowed(name, base string, where []string, src *source) (string, bool) {
	refuse := func(format string, args ...any) (string, bool) {
		file, line := sources{src}.locate(where...)
		w.faults = append(w.faults, reconciler.Fault{File: file, Line: line, Path: strings.Join(where, "."), Text: fmt.Sprintf(format, args...)})
		return "", false
	}
	if isRemote(name) {
		return refuse("%s is on another machine: copy the file into the app's directory, and name it there", name)
	}
	if strings.Contains(name, "$") {
		return refuse("%s has a variable in it: write the file's name out", name)
	}
	full := name
	if !filepath.IsAbs(full) {
		full = filepath.Join(base, name)
	}
	full, err := inside(w.root, full)
	switch {
	case errors.Is(err, errOutside):
		return refuse("%s is outside the app's directory: copy the file into it, and name it there", name)
	case errors.Is(err, fs.ErrNotExist):
		return refuse("%s does not exist in the app's directory: add it, or name the right file", name)
	case err != nil:
		return refuse("%s cannot be read: %s", name, err)
	}
	return full, true
}

// isRemote knows what Compose takes for a Git repository or an OCI artifact.
func isRemote(name string) bool {
	return strings.Contains(name, "://") || strings.HasPrefix(name, "git@") || strings.HasPrefix(name, "oci:") ||
		strings.HasPrefix(name, "github.com/") || strings.Contains(name, ".git#")
}
