package secrets

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"

	"filippo.io/age"

	"tandem/internal/lib/rootfile"
	"tandem/internal/lib/sops"
	"tandem/reconciler/deploy"
)

// Vault opens encrypted files with the age keys of this host. It is safe for
// concurrent use.
type Vault struct {
	*Redactor
	keyFile string
	closed  bool
}

// New returns a Vault that reads the private keys from keyFile anew each time, so
// that they can be replaced while it works. Without a keyFile, an app that has
// encrypted files is refused.
func New(keyFile string) *Vault { return &Vault{Redactor: &Redactor{}, keyFile: keyFile} }

// NewClosed returns a Vault that needs no key and opens nothing: the secrets that
// it returns have no values. It checks all that can be checked without a key.
func NewClosed() *Vault { return &Vault{Redactor: &Redactor{}, closed: true} }

// Open returns the variables in the files that app.Secrets names, below app.Root.
// The error is deploy.Faults, and holds no value. The Redactor knows each value
// before Open returns.
func (v *Vault) Open(ctx context.Context, app deploy.App) ([]deploy.Secret, error) {
	if len(app.Secrets) == 0 {
		return nil, nil
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	var identities []age.Identity
	if !v.closed {
		var err error
		if identities, err = v.identities(); err != nil {
			return nil, deploy.Faults{{File: app.File, Path: "secrets", Text: err.Error()}}
		}
	}
	var all []deploy.Secret
	var faults deploy.Faults
	for i, name := range app.Secrets {
		found, err := v.open(ctx, app, name, identities)
		more, ok := deploy.AsFaults(err)
		if err != nil && !ok {
			more = deploy.Faults{{File: app.File, Path: fmt.Sprintf("secrets[%d]", i), Text: err.Error()}}
		}
		all, faults = append(all, found...), append(faults, more...)
	}
	if err := ctx.Err(); err != nil {
		return nil, err // what was not read for that is no fault of the file
	}
	faults = append(faults, clashes(app, all)...)
	if err := faults.Err(); err != nil {
		return nil, err
	}
	return all, nil
}

// open reads one file. An error that is no faults is one of the name.
func (v *Vault) open(ctx context.Context, app deploy.App, name string, identities []age.Identity) ([]deploy.Secret, error) {
	file := path.Join(app.Dir, name)
	data, err := rootfile.Read(ctx, app.Root, name, sops.MaxSize)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("%s does not exist in %q: add it, or name the right file", name, app.Dir)
	case errors.Is(err, rootfile.ErrTooLarge):
		return nil, asFaults(sops.TooLarge(file))
	case err != nil:
		return nil, fmt.Errorf("%s cannot be read: it must be a file in the app's directory, also where a symbolic link leads to it", name)
	}
	sealed, err := sops.Read(file, data)
	if err != nil {
		return nil, asFaults(err)
	}
	values := map[string]string{}
	if !v.closed {
		values, err = sealed.Open(identities)
		var known *sops.Faults
		if err != nil && !errors.As(err, &known) {
			return nil, deploy.Faults{{File: file, Text: err.Error()}}
		}
		if err != nil {
			return nil, asFaults(err)
		}
	}
	secrets := make([]deploy.Secret, len(sealed.Values))
	for i, s := range sealed.Values {
		secrets[i] = deploy.Secret{Name: s.Name, File: file, Line: s.Line, Ciphertext: s.Sealed, Encrypted: s.Encrypted, Value: deploy.Hidden(values[s.Name])}
		if s.Encrypted {
			v.Add(s.Name, values[s.Name])
		}
	}
	return secrets, nil
}

// asFaults says what sops.Faults say in the words of everybody else; any other error is
// returned as it is.
func asFaults(err error) error {
	var found *sops.Faults
	if !errors.As(err, &found) {
		return err
	}
	var all deploy.Faults
	for _, f := range found.List {
		all = append(all, deploy.Fault{File: found.File, Line: f.Line, Path: f.Path, Text: f.Text})
	}
	return all.Ordered().Err()
}

// clashes finds names that cannot be variables, or are ones already.
func clashes(app deploy.App, all []deploy.Secret) deploy.Faults {
	var faults deploy.Faults
	reserved, first := app.Reserved(), map[string]deploy.Secret{}
	for _, s := range all {
		text := ""
		_, inEnv := app.Env[s.Name]
		before, twice := first[s.Name]
		switch from := reserved[s.Name]; {
		case !deploy.ValidVariable(s.Name):
			text = "want a variable's name (letters, digits and _, not beginning with a digit)"
		case from != "":
			text = fmt.Sprintf("tandem sets %s itself, %s; take another name", s.Name, from)
		case strings.HasPrefix(s.Name, "COMPOSE_"):
			text = "Compose itself is steered by variables that begin with COMPOSE_; take another name"
		case inEnv:
			text = fmt.Sprintf("env in %s has %s too, and only one can hold; keep one", app.File, s.Name)
		case twice:
			text = fmt.Sprintf("%s has %s too (line %d), and only one can hold; keep one", before.File, s.Name, before.Line)
		default:
			first[s.Name] = s
			continue
		}
		faults = append(faults, deploy.Fault{File: s.File, Line: s.Line, Path: s.Name, Text: text})
	}
	return faults
}

// maxKeyFile is far more than a file of keys needs.
const maxKeyFile = 64 << 10

// identities reads the private keys. No error repeats a part of the file.
func (v *Vault) identities() (_ []age.Identity, err error) {
	if v.keyFile == "" {
		return nil, errors.New("this host's agent has no age key to open them with: name the file that holds it (secrets.age_key_file in the agent's own file)")
	}
	f, err := os.Open(v.keyFile)
	if err != nil {
		return nil, fmt.Errorf("the agent's age key cannot be read: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("the agent's age key cannot be read: %w", err)
	}
	if mode := info.Mode().Perm(); mode&0o007 != 0 {
		return nil, fmt.Errorf("everyone on this host may use the agent's age key (mode %04o); run there: chmod 600 %s", mode, v.keyFile)
	}
	data, err := io.ReadAll(io.LimitReader(f, maxKeyFile))
	if err != nil {
		return nil, fmt.Errorf("the agent's age key cannot be read: %w", err)
	}
	identities, err := age.ParseIdentities(bytes.NewReader(data))
	if err != nil {
		return nil, fmt.Errorf("%s, which secrets.age_key_file names, holds no age keys: want AGE-SECRET-KEY-1… in a line of its own, as age-keygen writes it", v.keyFile)
	}
	return identities, nil
}
