package composefile

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"

	"tandem/internal/lib/plaintext"
	"tandem/internal/lib/rootfile"
	"tandem/reconciler/deploy"
)

// references is the part of a Compose file that makes the loader read others, and
// what tells how much it makes of them.
type references struct {
	include  []any
	services map[string]*declared
	size     int64 // of the whole file
}

// declared is what one file says about a service, before anything is put together.
type declared struct {
	size    int64
	extends string   // the service that it extends; empty: none
	file    string   // the file which has that, as it is written; empty: this one
	needs   []string // services that it waits for, or shares something with
	ports   []string // as they are written; a range is many
}

// readReferences reads a file as the loader does: with the loader's own YAML
// library, every document of it. Another one could take for a comment what that
// one takes for an include.
func readReferences(data []byte) (references, error) {
	refs := references{services: map[string]*declared{}}
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
		m := &measure{left: maxUnfolded - refs.size}
		if err := m.fits(doc, 0); err != nil {
			return refs, err
		}
		refs.size = maxUnfolded - m.left
		if list, ok := doc["include"].([]any); ok {
			refs.include = append(refs.include, list...)
		}
		services, _ := doc["services"].(map[string]any) // anything else is refused by the loader
		for name, service := range services {
			d := refs.services[name]
			if d == nil {
				d = &declared{}
				refs.services[name] = d
			}
			if err := d.add(service); err != nil {
				return refs, fmt.Errorf("services.%s.extends: %w", name, err)
			}
		}
	}
}

// add notes what one document says.
func (d *declared) add(service any) error {
	s, _ := service.(map[string]any)
	d.size += sizeOf(service)
	ports, _ := s["ports"].([]any)
	d.ports = append(d.ports, texts(ports)...)
	d.needs = append(d.needs, needsOf(s)...)
	name, file, err := extended(s)
	if name != "" || file != "" {
		d.extends, d.file = name, file
	}
	return err
}

// extended is the service that a service extends, and the file which has that, ""
// for the same one. The loader does not expect that it could be anything but a text.
func extended(s map[string]any) (name, file string, err error) {
	if name, ok := s["extends"].(string); ok {
		return name, "", nil
	}
	e, _ := s["extends"].(map[string]any)
	name, _ = e["service"].(string)
	file, ok := e["file"].(string)
	if !ok && e["file"] != nil {
		return "", "", fmt.Errorf("file: want the name of a file, got %v", e["file"])
	}
	return name, file, nil
}

// needsOf names the services that a service waits for when it is started.
func needsOf(s map[string]any) []string {
	needs := texts(s["depends_on"])
	if m, ok := s["depends_on"].(map[string]any); ok {
		needs = append(needs, slices.Sorted(maps.Keys(m))...)
	}
	for _, link := range append(texts(s["links"]), texts(s["volumes_from"])...) {
		name, _, _ := strings.Cut(link, ":")
		needs = append(needs, name)
	}
	for _, key := range []string{"network_mode", "ipc", "pid", "uts", "cgroup"} {
		mode, _ := s[key].(string)
		if name, ok := strings.CutPrefix(mode, "service:"); ok {
			needs = append(needs, name)
		}
	}
	return needs
}

// referenceFaults finds includes and extends that lead out of the app's
// directory, before the loader follows them: it would fetch what is remote, and
// a message of its own could quote a file of this host. Files that are too large
// for the loader are found on the way, and what would grow too large when they are
// put together.
func (f *File) referenceFaults() deploy.Faults {
	if f.walked {
		return f.refused // the same for both colors
	}
	w := &referenceWalk{File: f, growth: newGrowth()}
	for i, full := range f.paths {
		w.roots = append(w.roots, w.visit(full, f.Dir(), f.source[i], false))
	}
	if len(w.faults) == 0 {
		w.checkGrowth()
	}
	f.walked, f.refused, f.growth = true, SortFaults(w.faults), w.growth
	return f.refused
}

type referenceWalk struct {
	*File
	*growth
	faults deploy.Faults
}

// visit looks at one file; base is what its includes and extends are relative
// to. inner is a file that the app's own Compose file includes or extends. It
// returns the key of what it found: the same file is another one elsewhere.
func (w *referenceWalk) visit(full, base string, src *source, inner bool) string {
	key := full + "\x00" + base
	if w.parts[key] != nil {
		return key
	}
	part := &part{src: src}
	w.parts[key] = part
	data, err := w.read(full)
	if err != nil {
		w.refuse(src, nil, "%s", err)
		return key
	}
	if part.references, err = w.referencesOf(full, data); err != nil {
		// Nothing may be followed in a file that only the loader can read.
		if faults, ok := deploy.AsFaults(w.loadFault(fmt.Errorf("failed to parse %s: %w", full, err))); ok {
			w.faults = append(w.faults, faults...)
		}
		return key
	}
	if w.services += len(part.services); w.services > maxServices {
		w.refuse(src, []string{"services"}, "with these the file has more than %d services: make several apps of them", maxServices)
		return key
	}
	for _, entry := range part.references.include {
		part.includes = append(part.includes, w.include(entry, base, src, inner)...)
	}
	part.bases = map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(part.services)) {
		file := part.services[name].file
		if file == "" {
			continue
		}
		if next, src, ok := w.open(file, base, inService(name, "extends"), src); ok {
			part.bases[name] = w.visit(next, filepath.Dir(next), src, true)
		}
	}
	return key
}

// referencesOf reads a file once, at however many places it is.
func (w *referenceWalk) referencesOf(full string, data []byte) (references, error) {
	if refs, ok := w.references[full]; ok {
		return refs, nil
	}
	refs, err := readReferences(data)
	if err == nil {
		w.references[full] = refs
	}
	return refs, err
}

// include looks at one entry of include: a path, or a mapping with paths. It returns
// the keys of the files.
func (w *referenceWalk) include(entry any, base string, src *source, inner bool) (keys []string) {
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
		return nil
	}
	for _, p := range envFiles {
		if full, ok := w.allowed(p, base, where, src); p != "/dev/null" && ok {
			w.variables(full, where, src)
		}
	}
	inside := ""
	if dir != "" {
		if inside, ok = w.allowed(dir, base, where, src); !ok {
			return nil
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
		keys = append(keys, w.visit(next, inside, src, true))
	}
	if dotenv := filepath.Join(inside, ".env"); inside != "" && len(envFiles) == 0 && exists(inside, ".env") {
		if full, ok := w.allowed(dotenv, base, where, src); ok {
			w.variables(full, where, src)
		}
	}
	return keys
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
	if !ok {
		return "", nil, false
	}
	if w.led++; w.led > maxReferences {
		if w.led == maxReferences+1 {
			w.refuse(src, where, "more than %d times one file leads to another: write what they have in common into one", maxReferences)
		}
		return "", nil, false
	}
	data, err := w.read(full)
	if err != nil {
		return "", nil, w.refuse(src, where, "%s", err)
	}
	if w.sources[full] == nil {
		w.sources[full] = parseSource(data, path.Join(w.App.Dir, rootfile.Relative(w.App.Root, full)))
	}
	return full, w.sources[full], true
}

// variables is readable for a file with variables.
func (w *referenceWalk) variables(full string, where []string, src *source) {
	if err := w.ReadVariables(full); err != nil {
		w.refuse(src, where, "%s", err)
	}
}

// refuse adds a fault. It returns false, for the caller to return.
func (w *referenceWalk) refuse(src *source, where []string, format string, args ...any) bool {
	file, line := sources{src}.locate(where...)
	w.faults = append(w.faults, deploy.Fault{File: file, Line: line, Path: strings.Join(where, "."), Text: plaintext.WithoutEscapes([]byte(fmt.Sprintf(format, args...)))})
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
	full, err := rootfile.Inside(w.App.Root, full)
	switch {
	case errors.Is(err, rootfile.ErrOutside):
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
