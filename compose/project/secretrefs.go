package project

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"

	"tandem/reconciler/deploy"
)

// secretRefs are the secrets of one app. Compose files are resolved with a placeholder in
// place of each value: so it shows where a value would go, no message of the loader
// can repeat one, and the hash of a release tells nothing about one.
type secretRefs struct {
	list         []deploy.Secret
	placeholders map[string]string // name -> placeholder
}

func secretRefsOf(list []deploy.Secret) secretRefs {
	s := secretRefs{list: list, placeholders: map[string]string{}}
	for _, x := range list {
		if x.Encrypted {
			s.placeholders[x.Name] = placeholderOf(x.Name)
		}
	}
	return s
}

// placeholderOf is the same for a name each time, so that the hash of a release is. It
// has only what survives wherever a Compose file may have a word, and nothing that
// the loader splits at.
func placeholderOf(name string) string {
	sum := sha256.Sum256([]byte(name))
	return "tandemsecret" + hex.EncodeToString(sum[:8])
}

// variables are what the Compose file interpolates.
func (s secretRefs) variables() map[string]string {
	v := map[string]string{}
	for _, x := range s.list {
		v[x.Name] = x.Ciphertext // the value, where it is not encrypted
		if placeholder, ok := s.placeholders[x.Name]; ok {
			v[x.Name] = placeholder
		}
	}
	return v
}

// in returns the secrets whose placeholders the text has, in the order of their names.
func (s secretRefs) in(text string) []deploy.Secret {
	var found []deploy.Secret
	for _, x := range s.list {
		if placeholder, ok := s.placeholders[x.Name]; ok && strings.Contains(text, placeholder) {
			found = append(found, x)
		}
	}
	slices.SortFunc(found, func(a, b deploy.Secret) int { return strings.Compare(a.Name, b.Name) })
	return found
}

// shown is the text as a person would write it: the variable for its placeholder.
func (s secretRefs) shown(text string) string {
	for name, placeholder := range s.placeholders {
		text = strings.ReplaceAll(text, placeholder, "${"+name+"}")
	}
	return text
}

// substitute puts the values where they belong. They go to Docker from there; nothing
// else may be made of the project afterwards.
func (s secretRefs) substitute(p *types.Project) {
	if p == nil || len(s.placeholders) == 0 {
		return
	}
	pairs := make([]string, 0, 2*len(s.placeholders))
	for _, x := range s.list {
		if placeholder, ok := s.placeholders[x.Name]; ok {
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
