package project

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"

	"tandem/compose/project/composefile"
	"tandem/internal/lib/overlay"
	"tandem/internal/lib/rootfile"
	"tandem/reconciler/deploy"
)

// OpenSecrets reads what is secret of the app: its encrypted files, and those of its host
// directory. The Vault knows all values before it returns.
func (l *Loader) OpenSecrets(ctx context.Context, app deploy.App) (composefile.SecretRefs, error) {
	var list []deploy.Secret
	if len(app.Secrets) > 0 {
		if l.vault == nil {
			return composefile.SecretRefs{}, deploy.Faults{{File: app.File, Path: "secrets", Text: "there is nothing here to open them with"}}
		}
		var err error
		if list, err = l.vault.Open(ctx, app); err != nil {
			return composefile.SecretRefs{}, err
		}
	}
	host, err := l.hostSecrets(ctx, app, list)
	if err != nil {
		return composefile.SecretRefs{}, err
	}
	return composefile.SecretRefsOf(append(list, host...)), nil
}

// opener opens the encrypted files that a service names.
func (l *Loader) opener() composefile.Opener {
	if l.vault == nil {
		return nil
	}
	return l.vault.Open
}

// hostSecrets are what the files of the host directory say. Of a release they lie over its
// copy; elsewhere only their names count.
func (l *Loader) hostSecrets(ctx context.Context, app deploy.App, known []deploy.Secret) ([]deploy.Secret, error) {
	taken := map[string]bool{}
	for _, s := range known {
		taken[s.Name] = true
	}
	for name := range app.Env {
		taken[name] = true
	}
	for name := range app.Reserved() {
		taken[name] = true
	}
	root := app.Root
	digests, laid := overlay.Manifest(root)
	if !laid {
		if digests = l.filesHere(app); len(digests) == 0 {
			return nil, nil
		}
		root = l.hostDir(app)
	}
	list, err := composefile.HostSecrets(app, digests, func(name string) ([]byte, error) {
		var data []byte
		var err error
		if laid {
			data, err = overlay.Read(root, name, l.hostKey())
		} else {
			data, err = rootfile.Read(ctx, root, name, overlay.MaxFile)
		}
		if err == nil {
			l.learn(name, string(data))
		}
		return data, err
	}, taken)
	for i, s := range list {
		if l.vault != nil && s.Encrypted && !strings.HasSuffix(s.Name, ":") {
			l.vault.Add(s.Name[strings.LastIndex(s.Name, ":")+1:], string(s.Value))
		}
		if !laid {
			list[i].Value = ""
		}
	}
	return list, err
}

// assignment is a line that gives a name a value, in whatever kind of file.
var assignment = regexp.MustCompile(`(?m)^\s*(?:export\s+)?([A-Za-z_][A-Za-z0-9_.-]*)\s*[=:]\s*(.+?)\s*$`)

// learn makes the vault know what is in a file of the host, as a whole and by its lines: it
// may be mounted, and a program may print what it read there.
func (l *Loader) learn(name, text string) {
	if l.vault == nil || strings.ContainsRune(text, 0) {
		return
	}
	l.vault.Add(name, text)
	for _, m := range assignment.FindAllStringSubmatch(text, -1) {
		l.vault.Add(m[1], strings.Trim(m[2], `"'`))
	}
}

// hostKey is the key with which the files of host directories are kept.
func (l *Loader) hostKey() []byte {
	if l.hostKeyFile == "" {
		return nil
	}
	key, err := overlay.Key(l.hostKeyFile)
	if err != nil {
		l.log.Warn("the key of the host directories cannot be read", "err", err)
	}
	return key
}

// hostDir is the host directory of an app.
func (l *Loader) hostDir(app deploy.App) string {
	if l.appsDir == "" {
		return filepath.Join(DefaultAppsDir, app.Name)
	}
	return filepath.Join(l.appsDir, app.Name)
}

// filesHere are the files of the app's host directory where this machine has it and nobody
// has laid them over the app's: `+"`tandem validate`"+` on the server.
func (l *Loader) filesHere(app deploy.App) map[string]string {
	if !l.elsewhere {
		return nil
	}
	names, err := overlay.Dir{Path: l.hostDir(app)}.Names()
	if err != nil {
		return nil // as if it was on another machine; the agent says what is wrong with it
	}
	here := map[string]string{}
	for _, name := range names {
		here[name] = "here"
	}
	return here
}

// missingAdvice says where a file that is not in git may be put.
func (c *checker) missingAdvice(file, advice string) string {
	return fmt.Sprintf("%s, put it on the server at %s, or into git, encrypted with SOPS", advice, c.HostPath(file))
}

// hasHostDir tells whether this machine has the app's host directory.
func (l *Loader) hasHostDir(app deploy.App) bool {
	_, err := os.ReadDir(l.hostDir(app))
	return err == nil
}

// namesHere are filesHere as a set.
func (l *Loader) namesHere(app deploy.App) map[string]bool {
	set := map[string]bool{}
	for name := range maps.Keys(l.filesHere(app)) {
		set[name] = true
	}
	return set
}

// fromHost makes what the project has of the app's host directory come from there. Secrets
// and configs are copied into the container, so that whoever it runs as can read them; where
// it is read-only, they are mounted, as directories and files are.
func fromHost(f *composefile.File, p *types.Project) {
	readOnly := map[string]bool{}
	for name, s := range p.Services {
		for i, v := range s.Volumes {
			if v.Type == types.VolumeTypeBind && f.IsHostFile(v.Source) {
				s.Volumes[i].Source, s.Volumes[i].ReadOnly = f.HostPath(v.Source), true
			}
		}
		for _, ref := range s.Secrets {
			readOnly["secret "+ref.Source] = readOnly["secret "+ref.Source] || s.ReadOnly
		}
		for _, ref := range s.Configs {
			readOnly["config "+ref.Source] = readOnly["config "+ref.Source] || s.ReadOnly
		}
		p.Services[name] = s
	}
	for name, x := range p.Secrets {
		if x.File != "" && f.IsHostFile(x.File) {
			if x.File, x.Content = hostObject(f, x.File, readOnly["secret "+name]); x.Content != "" {
				x.Environment = "TANDEM_HOST_FILE" // else the SDK would mount a file without a name
			}
			p.Secrets[name] = x
		}
	}
	for name, x := range p.Configs {
		if x.File != "" && f.IsHostFile(x.File) {
			x.File, x.Content = hostObject(f, x.File, readOnly["config "+name])
			p.Configs[name] = x
		}
	}
}

func hostObject(f *composefile.File, file string, mounted bool) (path, content string) {
	if mounted {
		return f.HostPath(file), ""
	}
	return "", f.HostContent(file)
}
