package tb

import (
	"context"
	"strings"

	"tandem/reconciler/deploy"
)

// Planted is the value of a secret in tests: whoever finds it has found a leak.
const Planted = "planted-$ecret-value"

// Vault has the secrets of a test by their names. Those that begin with PLAIN are not
// encrypted. HideCut shouts, so that it can be told that a text went through it.
type Vault map[string]string

// Open returns all of them, whatever the app names.
func (v Vault) Open(context.Context, deploy.App) ([]deploy.Secret, error) {
	var all []deploy.Secret
	for name, value := range v {
		s := deploy.Secret{Name: name, File: "shop/secrets.env", Line: 1, Encrypted: true, Value: deploy.Hidden(value), Ciphertext: "sealed " + name}
		if strings.HasPrefix(name, "PLAIN") {
			s.Encrypted, s.Ciphertext = false, value
		}
		all = append(all, s)
	}
	return all, nil
}

// HideCut puts words in the place of Planted.
func (v Vault) HideCut(text string) string { return strings.ReplaceAll(text, Planted, "(hidden)") }

// Add forgets it.
func (v Vault) Add(string, string) {}
