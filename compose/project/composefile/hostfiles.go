package composefile

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/dotenv"
	"github.com/compose-spec/compose-go/v2/types"

	"tandem/internal/lib/overlay"
	"tandem/internal/lib/rootfile"
	"tandem/internal/lib/sops"
	"tandem/reconciler/deploy"
)

// Files of the app's host directory lie over those from git. What is in them is secret: as
// that of encrypted files, it is a placeholder until the projects go to Docker.

// steering begins the variables with which .env steers Compose itself.
const steering = "COMPOSE_"

// HostSecrets are the variables in the files of the host: those of .env that the Compose file
// interpolates, and those that a file gives to a service, which are named FILE:NAME. digests
// are the files, and read what is in one. taken are names that .env does not decide.
func HostSecrets(app deploy.App, digests map[string]string, read func(name string) ([]byte, error), taken map[string]bool) ([]deploy.Secret, error) {
	dir := "."
	if len(app.Compose) > 0 {
		dir = path.Dir(path.Clean(app.Compose[0]))
	}
	var all []deploy.Secret
	var faults deploy.Faults
	for _, name := range slices.Sorted(maps.Keys(digests)) {
		data, err := read(name)
		if err != nil {
			return nil, fmt.Errorf("read %s of the host directory: %w", name, err)
		}
		interpolated := name == path.Join(dir, ".env")
		all = append(all, deploy.Secret{Name: contentOf(name), File: name, Ciphertext: digests[name], Encrypted: true, Value: deploy.Hidden(data)})
		vars := map[string]string{}
		if err := dotenv.ParseWithFormat(bytes.NewReader(data), name, vars, lookIn(vars, app.Env), ""); err != nil {
			// What the library says repeats a part of the file.
			if interpolated {
				faults = append(faults, deploy.Fault{File: name, Text: "the host directory's .env cannot be read: want NAME=value, one a line"})
			}
			all = append(all, deploy.Secret{Name: name + ":" + unreadable, File: name})
			continue
		}
		for _, key := range slices.Sorted(maps.Keys(vars)) {
			s := deploy.Secret{Name: name + ":" + key, File: name, Ciphertext: digests[name], Encrypted: true, Value: deploy.Hidden(vars[key])}
			all = append(all, s)
			if s.Name = key; !interpolated || taken[key] || !deploy.ValidVariable(key) {
				continue
			}
			if strings.HasPrefix(key, steering) {
				s.Encrypted, s.Ciphertext = false, vars[key] // it names files and profiles
			}
			all = append(all, s)
		}
	}
	return all, faults.Err()
}

// unreadable is a variable that a file of no variables has.
const unreadable = "?"

// contentOf is the name under which the whole content of a file is a secret.
func contentOf(file string) string { return file + ":" }

// IsHostFile tells whether a file of the app is one of its host directory.
func (f *File) IsHostFile(full string) bool {
	_, ok := f.manifest()[rootfile.Relative(f.App.Root, filepath.Clean(full))]
	return ok
}

// HostFileBelow returns a file of the app's host directory that lies in the directory, "" for
// none. The .env file, which is there to be read by Compose, is none.
func (f *File) HostFileBelow(dir string) string {
	rel := rootfile.Relative(f.App.Root, filepath.Clean(dir))
	for _, name := range slices.Sorted(maps.Keys(f.manifest())) {
		if (rel == "." && name != ".env") || rootfile.Below(rel, name) && name != rel {
			return name
		}
	}
	return ""
}

// HostContent is the placeholder of what is in a file of the host directory.
func (f *File) HostContent(full string) string {
	return f.Secrets.placeholders()[contentOf(rootfile.Relative(f.App.Root, filepath.Clean(full)))]
}

func (f *File) manifest() map[string]string {
	if f.hostFiles == nil {
		if f.hostFiles, _ = overlay.Manifest(f.App.Root); f.hostFiles == nil {
			f.hostFiles = map[string]string{}
		}
	}
	return f.hostFiles
}

// secretVariables are placeholders for the variables of a file that is secret as a whole:
// one of the host directory, or one that SOPS encrypted; ok is false for any other.
func (f *File) secretVariables(e types.EnvFile, data []byte) (vars map[string]string, ok bool, err error) {
	rel := rootfile.Relative(f.App.Root, filepath.Clean(e.Path))
	host := f.IsHostFile(e.Path)
	if !host && !encrypted.Match(data) {
		return nil, false, nil
	}
	if e.Format != "" {
		return nil, true, deploy.Faults{{File: f.Name(), Path: "env_file", Text: rel + " is secret, and can be read as an ordinary env file only: remove format"}}
	}
	if !host {
		if err := f.Secrets.openFile(f.App, rel); err != nil {
			return nil, true, err
		}
	}
	vars = f.Secrets.variablesOf(rel)
	if _, bad := vars[unreadable]; bad {
		return nil, true, deploy.Faults{{File: rel, Text: "this file of the host directory cannot be read: want NAME=value, one a line"}}
	}
	return vars, true, nil
}

// encrypted knows a dotenv file of SOPS, which ends with its own variables.
var encrypted = regexp.MustCompile(`(?m)^sops_mac=`)

// openFile adds the variables of a file that SOPS encrypted.
func (s SecretRefs) openFile(app deploy.App, rel string) error {
	if s.table == nil {
		return errors.New("there is nothing here to open encrypted files with")
	}
	if s.table.opened[rel] {
		return nil
	}
	app.Secrets, app.Env, app.Routes = []string{rel}, nil, nil
	open := s.table.open
	if open == nil {
		open = closed
	}
	list, err := open(context.Background(), app)
	if err != nil {
		return err
	}
	for i := range list {
		list[i].Name = rel + ":" + list[i].Name
	}
	s.table.opened[rel] = true
	s.table.add(list)
	return nil
}

// closed reads which variables an encrypted file has, without their values.
func closed(ctx context.Context, app deploy.App) ([]deploy.Secret, error) {
	name := app.Secrets[0]
	data, err := rootfile.Read(ctx, app.Root, name, sops.MaxSize)
	if err != nil {
		return nil, err
	}
	file, err := sops.Read(path.Join(app.Dir, name), data)
	if err != nil {
		var found *sops.Faults
		if !errors.As(err, &found) {
			return nil, err
		}
		var faults deploy.Faults
		for _, x := range found.List {
			faults = append(faults, deploy.Fault{File: found.File, Line: x.Line, Path: x.Path, Text: x.Text})
		}
		return nil, faults
	}
	var list []deploy.Secret
	for _, v := range file.Values {
		list = append(list, deploy.Secret{Name: v.Name, File: name, Line: v.Line, Ciphertext: v.Sealed, Encrypted: v.Encrypted})
	}
	return list, nil
}
