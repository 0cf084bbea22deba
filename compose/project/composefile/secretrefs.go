package composefile

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"

	"tandem/reconciler/deploy"
)

// SecretRefs are the secrets of one app. Compose files are resolved with a placeholder in
// place of each value: so it shows where a value would go, no message of the loader
// can repeat one, and the hash of a release tells nothing about one.
type SecretRefs struct {
	table *secretTable // nil: there are none
	unset *Unset       // is told of variables without a value; nil: nobody is
}

// secretTable is what all copies of SecretRefs of one load share: files that a service names
// are opened on the way.
type secretTable struct {
	list         []deploy.Secret
	placeholders map[string]string // name -> placeholder
	opened       map[string]bool   // files
	open         Opener            // nil: nothing is opened
}

// Opener opens the encrypted files that app.Secrets names.
type Opener func(ctx context.Context, app deploy.App) ([]deploy.Secret, error)

// ForLoad returns them for one load, whose variables without a value are told to u.
func (s SecretRefs) ForLoad(u *Unset, open Opener) SecretRefs {
	table := &secretTable{placeholders: map[string]string{}, opened: map[string]bool{}, open: open}
	if s.table != nil {
		table.add(s.table.list)
	}
	return SecretRefs{table, u}
}

// SecretRefsOf makes them of what the vault returned.
func SecretRefsOf(list []deploy.Secret) SecretRefs {
	table := &secretTable{placeholders: map[string]string{}}
	table.add(list)
	return SecretRefs{table: table}
}

func (t *secretTable) add(list []deploy.Secret) {
	t.list = append(t.list, list...)
	for _, x := range list {
		if x.Encrypted {
			t.placeholders[x.Name] = placeholderOf(x.Name)
		}
	}
}

// all are the secrets.
func (s SecretRefs) all() []deploy.Secret {
	if s.table == nil {
		return nil
	}
	return s.table.list
}

func (s SecretRefs) placeholders() map[string]string {
	if s.table == nil {
		return nil
	}
	return s.table.placeholders
}

// variablesOf are those of one file that is secret as a whole.
func (s SecretRefs) variablesOf(file string) map[string]string {
	vars, all := map[string]string{}, s.Variables()
	for _, x := range s.all() {
		if name, ok := strings.CutPrefix(x.Name, file+":"); ok && name != "" {
			vars[name] = all[x.Name]
		}
	}
	return vars
}

// placeholderOf is the same for a name each time, so that the hash of a release is. It
// has only what survives wherever a Compose file may have a word, and nothing that
// the loader splits at.
func placeholderOf(name string) string {
	sum := sha256.Sum256([]byte(name))
	return "tandemsecret" + hex.EncodeToString(sum[:8])
}

// Variables are what the Compose file interpolates.
func (s SecretRefs) Variables() map[string]string {
	v := map[string]string{}
	for _, x := range s.all() {
		v[x.Name] = x.Ciphertext // the value, where it is not encrypted
		if placeholder, ok := s.placeholders()[x.Name]; ok {
			v[x.Name] = placeholder
		}
	}
	return v
}

// Found returns the secrets whose placeholders the text has, in the order of their names.
func (s SecretRefs) Found(text string) []deploy.Secret {
	var found []deploy.Secret
	for _, x := range s.all() {
		if placeholder, ok := s.placeholders()[x.Name]; ok && strings.Contains(text, placeholder) {
			found = append(found, x)
		}
	}
	slices.SortFunc(found, func(a, b deploy.Secret) int { return strings.Compare(a.Name, b.Name) })
	return found
}

// Hide is the text as a person would write it: the variable for its placeholder.
func (s SecretRefs) Hide(text string) string {
	for name, placeholder := range s.placeholders() {
		text = strings.ReplaceAll(text, placeholder, "${"+name+"}")
	}
	return text
}

// Substitute puts the values where they belong. They go to Docker from there; nothing
// else may be made of the project afterwards.
func (s SecretRefs) Substitute(p *types.Project) {
	if p == nil || s.Empty() {
		return
	}
	pairs := make([]string, 0, 2*len(s.placeholders()))
	for _, x := range s.all() {
		if placeholder, ok := s.placeholders()[x.Name]; ok {
			pairs = append(pairs, placeholder, string(x.Value))
		}
	}
	values := strings.NewReplacer(pairs...)
	for _, service := range p.Services {
		for key, value := range service.Environment {
			if value != nil {
				text := values.Replace(*value)
				service.Environment[key] = &text
			}
		}
	}
	for name, x := range p.Secrets {
		x.Content = values.Replace(x.Content)
		p.Secrets[name] = x
	}
	for name, x := range p.Configs {
		x.Content = values.Replace(x.Content)
		p.Configs[name] = x
	}
}

// SecretAdvice says why a secret may not stand at path, and where it may.
func SecretAdvice(s deploy.Secret, path []string) string {
	text := secretAdvice(s.Name, path)
	if s.Line == 0 { // of the host directory, where all is secret
		text += "; if it is no secret, write it under env: in tandem.yaml"
	}
	return text
}

// secretAdvice says why a secret may not stand at path, and where it may.
func secretAdvice(name string, path []string) string {
	if len(path) > 2 && (path[2] == "command" || path[2] == "entrypoint" || path[2] == "healthcheck") {
		return fmt.Sprintf("${%s} is a secret, and everybody on this host can read a command (ps shows it): write %s: ${%s} under environment, and read it there; in a shell command that is $$%s",
			name, name, name, name)
	}
	if len(path) > 2 && path[2] == "build" {
		return fmt.Sprintf("${%s} is a secret, and every image keeps what it was built with: give it to the build as a file (secrets: {x: {environment: %s}}, secrets: [x] under build, and RUN --mount=type=secret,id=x), or to the container under environment", name, name)
	}
	return fmt.Sprintf("${%s} is a secret, and others can read what stands here: use it as a value under environment: of a service, or as a file (secrets: {x: {environment: %s}}, and secrets: [x] in the service)", name, name)
}

// Empty tells whether there is nothing to hide.
func (s SecretRefs) Empty() bool { return len(s.placeholders()) == 0 }

// WithoutValues are the secrets as everybody may know them, sorted by their names.
func (s SecretRefs) WithoutValues() []deploy.Secret {
	list := slices.Clone(s.all())
	for i := range list {
		list[i].Value = ""
	}
	slices.SortFunc(list, func(a, b deploy.Secret) int { return strings.Compare(a.Name, b.Name) })
	return list
}
