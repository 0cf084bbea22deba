package composefile

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"

	"github.com/compose-spec/compose-go/v2/dotenv"
	"github.com/compose-spec/compose-go/v2/types"

	"tandem/internal/lib/rootfile"
	"tandem/reconciler/deploy"
)

// dotenv returns the variables of the .env file beside the Compose file, where there
// is one. It may name those that are known already.
func (f *File) dotenv(known map[string]string) (map[string]string, error) {
	full := filepath.Join(f.Dir(), ".env")
	if f.IsHostFile(full) {
		return nil, nil // its variables are among the secrets
	}
	if _, err := os.Stat(full); err != nil {
		return nil, nil //nolint:nilerr // there is none
	}
	name := path.Join(f.App.Dir, ".env")
	if _, err := rootfile.Inside(f.App.Root, full); err != nil {
		return nil, deploy.Faults{{File: name, Text: "it leads out of the app's directory: make it a file of its own"}}
	}
	if err := f.ReadVariables(full); err != nil {
		return nil, deploy.Faults{{File: name, Text: err.Error()}}
	}
	vars := map[string]string{}
	err := dotenv.ParseWithFormat(bytes.NewReader(f.quota.seen[full]), full, vars, lookIn(known, vars), "")
	if err != nil {
		return nil, f.loadFault(err)
	}
	return vars, nil
}

// lookIn looks for a variable in one map after the other.
func lookIn(maps ...map[string]string) dotenv.LookupFn {
	return func(name string) (string, bool) {
		for _, m := range maps {
			if v, ok := m[name]; ok {
				return v, true
			}
		}
		return "", false
	}
}

// AddVariables gives the services what their files with variables and labels say, as
// the Compose library would. That reads the files by their paths once more; here they
// are the bytes that were read below the app's directory and measured.
func (f *File) AddVariables(p *types.Project) error {
	if err := f.variableBytes(p); err != nil {
		return err
	}
	for _, name := range p.ServiceNames() {
		s := p.Services[name]
		if err := f.addEnvironment(p, &s); err != nil {
			if faults, ok := deploy.AsFaults(err); ok {
				return faults
			}
			return f.loadFault(err)
		}
		if err := f.addLabels(&s); err != nil {
			return f.loadFault(err)
		}
		p.Services[name] = s
	}
	return nil
}

func (f *File) addEnvironment(p *types.Project, s *types.ServiceConfig) error {
	s.Environment = s.Environment.Resolve(p.Environment.Resolve)
	vars := s.Environment.ToMapping()
	// The project's variables come first, then those of the service.
	own := s.Environment.ToMapping()
	for _, e := range s.EnvFiles {
		var data []byte
		var err error
		if !f.IsHostFile(e.Path) {
			data, err = f.variablesIn(e.Path)
		}
		if errors.Is(err, fs.ErrNotExist) {
			if bool(e.Required) && !f.MayBeInHostDir(e.Path) {
				return fmt.Errorf("env file %s not found: %w", e.Path, err)
			}
			continue
		}
		if err != nil {
			return err
		}
		hidden, secret, err := f.secretVariables(e, data)
		if err != nil {
			return err
		}
		if secret {
			maps.Copy(vars, hidden)
			continue
		}
		if err := dotenv.ParseWithFormat(bytes.NewReader(data), e.Path, vars, lookIn(p.Environment, own), e.Format); err != nil {
			return err
		}
	}
	s.Environment = vars.ToMappingWithEquals().OverrideBy(s.Environment)
	s.EnvFiles = nil
	return nil
}

func (f *File) addLabels(s *types.ServiceConfig) error {
	labels := types.Labels{}
	for _, file := range s.LabelFiles {
		data, err := f.variablesIn(file)
		if err != nil {
			return fmt.Errorf("label file %s not found: %w", file, err)
		}
		vars := map[string]string{}
		if err := dotenv.ParseWithFormat(bytes.NewReader(data), file, vars, lookIn(labels), ""); err != nil {
			return err
		}
		for key, value := range vars {
			labels[key] = value
		}
	}
	for key, value := range s.Labels {
		labels[key] = value
	}
	if len(labels) > 0 {
		s.Labels = labels
	}
	s.LabelFiles = nil
	return nil
}

// variablesIn is what is in a file with variables: the app's own, or one of the host
// that its policy allows.
func (f *File) variablesIn(full string) ([]byte, error) {
	full = filepath.Clean(full)
	if data, ok := f.quota.seen[full]; ok {
		return data, nil
	}
	if _, err := os.Stat(full); errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	if rootfile.Below(filepath.Clean(f.App.Root), full) {
		if err := f.ReadVariables(full); err != nil {
			return nil, err
		}
		return f.quota.seen[full], nil
	}
	data, err := readForeign(full)
	if err != nil {
		return nil, err
	}
	f.quota.seen[full] = data
	return data, nil
}

// maxVariables bounds the bytes that the services of a project get from files with
// variables.
const maxVariables = 4 << 20

// variableBytes finds services whose files with variables are too many together: each
// service has them all to itself.
func (f *File) variableBytes(p *types.Project) error {
	total := int64(0)
	for _, name := range p.ServiceNames() {
		files := slices.Clone(p.Services[name].LabelFiles)
		for _, e := range p.Services[name].EnvFiles {
			files = append(files, e.Path)
		}
		for _, full := range files {
			if f.IsHostFile(full) {
				continue
			}
			data, _ := f.variablesIn(full) // what cannot be read is told when it is wanted
			total += int64(len(data))
		}
		if total > maxVariables {
			file, line := f.source.locate(inService(name, "env_file")...)
			return deploy.Faults{{File: file, Line: line, Path: PathText(inService(name, "env_file")), Text: fmt.Sprintf(
				"with these the services get more than %d MiB from files with variables: give each service what it needs", maxVariables>>20)}}
		}
	}
	return nil
}
