package compose

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"path/filepath"
	"strings"

	"go.yaml.in/yaml/v4"

	"tandem/reconciler"
)

// references is the part of a Compose file that makes the loader read others.
type references struct {
	include []any
	extends map[string]string // service -> the file that it extends
	ports   []string          // as they are written; a range is many
}

// readReferences reads a file as the loader does: with the loader's own YAML
// library, every document of it. Another one could take for a comment what that
// one takes for an include.
func readReferences(data []byte) (references, error) {
	refs := references{extends: map[string]string{}}
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	for {
		var doc map[string]any
		err := decoder.Decode(&doc)
		if errors.Is(err, io.EOF) {
			return refs, nil
		}
		if err != nil {
			return refs, err
		}
		if err := (&measure{left: maxUnfolded}).fits(doc, 0); err != nil {
			return refs, err
		}
		if list, ok := doc["include"].([]any); ok {
			refs.include = append(refs.include, list...)
		}
		services, _ := doc["services"].(map[string]any) // anything else is refused by the loader
		for name, service := range services {
			refs.ports = append(refs.ports, portTexts(service)...)
			file, err := extended(service)
			if err != nil {
				return refs, fmt.Errorf("services.%s.extends: %w", name, err)
			}
			if file != "" {
				refs.extends[name] = file
			}
		}
	}
}

// extended is the file that a service extends, "" for none. The loader does not
// expect that it could be anything but a text.
func extended(service any) (string, error) {
	s, _ := service.(map[string]any)
	e, _ := s["extends"].(map[string]any)
	file, ok := e["file"].(string)
	if !ok && e["file"] != nil {
		return "", fmt.Errorf("file: want the name of a file, got %v", e["file"])
	}
	return file, nil
}

// portTexts are the ports of a service in the short form.
func portTexts(service any) []string {
	s, _ := service.(map[string]any)
	list, _ := s["ports"].([]any)
	return texts(list)
}

// referenceFaults finds includes and extends that lead out of the app's
// directory, before the loader follows them: it would fetch what is remote, and
// a message of its own could quote a file of this host. Files that are too large
// for the loader are found on the way.
func (f *file) referenceFaults() reconciler.Faults {
	w := &referenceWalk{file: f, seen: map[string]bool{}}
	for i, full := range f.paths {
		w.visit(full, f.dir(), f.source[i], false)
	}
	return inOrder(w.faults)
}

type referenceWalk struct {
	*file
	seen   map[string]bool // file and what its includes are relative to
	faults reconciler.Faults
}

// visit looks at one file; base is what its includes and extends are relative
// to. inner is a file that the app's own Compose file includes or extends.
func (w *referenceWalk) visit(full, base string, src *source, inner bool) {
	if w.seen[full+"\x00"+base] {
		return
	}
	w.seen[full+"\x00"+base] = true
	data, err := w.read(full)
	if err != nil {
		w.refuse(src, nil, "%s", err)
		return
	}
	refs, err := readReferences(data)
	if err != nil {
		// Nothing may be followed in a file that only the loader can read.
		if faults, ok := reconciler.AsFaults(w.loadFault(fmt.Errorf("failed to parse %s: %w", full, err))); ok {
			w.faults = append(w.faults, faults...)
		}
		return
	}
	for _, port := range refs.ports {
		w.quota.ports[port] = true
	}
	for _, entry := range refs.include {
		w.include(entry, base, src, inner)
	}
	for _, name := range sortedKeys(refs.extends) {
		if next, src, ok := w.open(refs.extends[name], base, at(name, "extends"), src); ok {
			w.visit(next, filepath.Dir(next), src, true)
		}
	}
}

// include looks at one entry of include: a path, or a mapping with paths.
func (w *referenceWalk) include(entry any, base string, src *source, inner bool) {
	where := []string{"include"}
	m, ok := entry.(map[string]any)
	if !ok {
		m = map[string]any{"path": entry}
	}
	dir, _ := m["project_directory"].(string)
	envFiles := texts(m["env_file"])
	if inner && (dir != "" || len(envFiles) > 0) {
		// The loader would look for them from wherever the agent was started.
		w.refuse(src, where, "project_directory and env_file can only stand in the app's own Compose file: write them there")
		return
	}
	for _, p := range envFiles {
		if full, ok := w.allowed(p, base, where, src); p != "/dev/null" && ok {
			w.variables(full, where, src)
		}
	}
	inside := ""
	if dir != "" {
		if inside, ok = w.allowed(dir, base, where, src); !ok {
			return
		}
	}
	for _, p := range texts(m["path"]) {
		next, src, ok := w.open(p, base, where, src)
		if !ok {
			continue
		}
		if inside == "" {
			inside = filepath.Dir(next) // of the first; the others are merged into it
		}
		w.visit(next, inside, src, true)
	}
	if dotenv := filepath.Join(inside, ".env"); inside != "" && len(envFiles) == 0 && exists(inside, ".env") {
		if full, ok := w.allowed(dotenv, base, where, src); ok {
			w.variables(full, where, src)
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

// open checks a reference to another Compose file, and reads where everything
// stands in it.
func (w *referenceWalk) open(name, base string, where []string, src *source) (string, *source, bool) {
	full, ok := w.allowed(name, base, where, src)
	if !ok || !w.readable(full, where, src) {
		return "", nil, false
	}
	next, err := readSource(full, path.Join(w.app.Dir, relative(w.app.Root, full)))
	if err != nil {
		return "", nil, w.refuse(src, where, "%s cannot be read: %s", name, err)
	}
	return full, next, true
}

// readable tells whether the file is small enough to be read, and adds a fault
// if it is not.
func (w *referenceWalk) readable(full string, where []string, src *source) bool {
	if _, err := w.read(full); err != nil {
		return w.refuse(src, where, "%s", err)
	}
	return true
}

// variables is readable for a file with variables.
func (w *referenceWalk) variables(full string, where []string, src *source) {
	if err := w.readVariables(full); err != nil {
		w.refuse(src, where, "%s", err)
	}
}

// refuse adds a fault. It returns false, for the caller to return.
func (w *referenceWalk) refuse(src *source, where []string, format string, args ...any) bool {
	file, line := sources{src}.locate(where...)
	w.faults = append(w.faults, reconciler.Fault{File: file, Line: line, Path: strings.Join(where, "."), Text: plainText([]byte(fmt.Sprintf(format, args...)))})
	return false
}

// allowed tells whether the name leads to a file in the app's directory, and
// adds a fault if it leads elsewhere.
func (w *referenceWalk) allowed(name, base string, where []string, src *source) (string, bool) {
	if isRemote(name) {
		return "", w.refuse(src, where, "%s is on another machine: copy the file into the app's directory, and name it there", name)
	}
	if strings.Contains(name, "$") {
		return "", w.refuse(src, where, "%s has a variable in it: write the file's name out", name)
	}
	if strings.HasPrefix(name, "~") {
		return "", w.refuse(src, where, "%s is in somebody's home directory: copy the file into the app's directory, and name it there", name)
	}
	full := name
	if !filepath.IsAbs(full) {
		full = filepath.Join(base, name)
	}
	full, err := inside(w.app.Root, full)
	switch {
	case errors.Is(err, errOutside):
		return "", w.refuse(src, where, "%s is outside the app's directory: copy the file into it, and name it there", name)
	case errors.Is(err, fs.ErrNotExist):
		return "", w.refuse(src, where, "%s does not exist in the app's directory: add it, or name the right file", name)
	case err != nil:
		return "", w.refuse(src, where, "%s cannot be read: %s", name, err)
	}
	return full, true
}

// isRemote knows what Compose takes for a Git repository or an OCI artifact.
func isRemote(name string) bool {
	return strings.Contains(name, "://") || strings.HasPrefix(name, "git@") || strings.HasPrefix(name, "oci:") ||
		strings.HasPrefix(name, "github.com/") || strings.Contains(name, ".git#")
}
