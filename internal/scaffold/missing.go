package scaffold

import (
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"

	"tandem/internal/lib/gitindex"
)

// MissingFile is a file that the Compose files name and that git does not have, so that it
// has to come from the host.
type MissingFile struct {
	Path   string // relative to the app's directory
	Use    string // what it is: "env file of web", "secret db-password"
	Beside bool   // it lies in the directory, without git
}

// trackedIn tells which paths of a directory git has, or will have with the next commit.
// Outside a Git work tree it is whatever exists.
func trackedIn(dir string) (func(string) bool, error) {
	tree, err := gitindex.Open(dir)
	if err != nil {
		return nil, err
	}
	if tree == nil {
		return func(name string) bool {
			_, err := os.Stat(filepath.Join(dir, name))
			return err == nil
		}, nil
	}
	return tree.Has, nil
}

// inside is a path as the Compose file has it, relative to the app's directory; false for
// one that leads elsewhere.
func (s *Source) inside(name string) (string, bool) {
	name = filepath.ToSlash(name)
	if strings.HasPrefix(name, "~") {
		return "", false
	}
	if filepath.IsAbs(name) {
		rel, err := filepath.Rel(s.Dir, name)
		if err != nil {
			return "", false
		}
		name = filepath.ToSlash(rel)
	}
	name = path.Clean(name)
	return name, filepath.IsLocal(name)
}

// Missing lists the files that services need and git does not have.
func (s *Source) Missing(services []string) []MissingFile {
	var found []MissingFile
	add := func(name, use string) {
		rel, local := s.inside(name)
		if name == "" || !local || s.Tracked(rel) || slices.ContainsFunc(found, func(m MissingFile) bool { return m.Path == rel }) {
			return
		}
		_, err := os.Stat(filepath.Join(s.Dir, rel))
		found = append(found, MissingFile{Path: rel, Use: use, Beside: err == nil})
	}
	for _, name := range services {
		svc := s.Project.Services[name]
		for _, e := range svc.EnvFiles {
			if e.Required {
				add(e.Path, "env file of "+name)
			}
		}
		for _, secret := range svc.Secrets {
			add(s.Project.Secrets[secret.Source].File, "secret "+secret.Source)
		}
		for _, config := range svc.Configs {
			add(s.Project.Configs[config.Source].File, "config "+config.Source)
		}
		for _, m := range svc.Volumes {
			if s.isFile(m) {
				add(m.Source, "mounted by "+name)
			}
		}
	}
	return found
}

// isFile tells whether a mount is of one file, and not of a directory.
func (s *Source) isFile(m types.ServiceVolumeConfig) bool {
	if m.Type != types.VolumeTypeBind {
		return false
	}
	full := m.Source
	if rel, local := s.inside(m.Source); local {
		full = filepath.Join(s.Dir, rel)
	}
	if info, err := os.Stat(full); err == nil {
		return !info.IsDir()
	}
	extension := func(name string) bool { return len(path.Ext(strings.TrimLeft(path.Base(name), "."))) > 1 }
	return extension(m.Source) && extension(m.Target)
}
