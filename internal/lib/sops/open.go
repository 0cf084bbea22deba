package sops

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/subtle"
	"errors"
	"fmt"
	"io"
	"path"
	"strconv"
	"strings"
	"time"

	"filippo.io/age"
	"filippo.io/age/armor"
)

// What a person is told when a file cannot be opened. Only ErrNotForUs says that
// another key might do better.
var (
	// ErrNotForUs says that none of the identities is a recipient of the file.
	ErrNotForUs = errors.New("the file is not encrypted for this key")
	// ErrTampered says that the MAC does not fit the values.
	ErrTampered = errors.New("the file was changed without SOPS: its values do not fit its MAC; take it as SOPS wrote it, and change it with sops edit")

	errDamaged = errors.New("damaged: take the file as SOPS wrote it")
)

// Open returns the values by their names, as sops decrypt shows them: the boolean
// True as true, numbers without needless zeros. It writes nothing anywhere. The
// error is for the file as a whole or is *Faults; it holds no value.
func (f *File) Open(identities []age.Identity) (map[string]string, error) {
	key, err := f.dataKey(identities)
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, fmt.Errorf("the data key is %w", errDamaged)
	}
	encrypted, err := f.meta.rule()
	if err != nil {
		return nil, err
	}
	sum := sha512.New()
	if f.meta.macOnly {
		sum.Write(macOnlyMark())
	}
	r := report{file: f.name}
	clear := map[string]string{}
	for _, i := range f.items {
		v := plain(i)
		if encrypted(i.name) && i.text != "" {
			// The value's place is authenticated with it (sops.go: pathString).
			if v, err = decrypt(block, i.text, i.name+":"); err != nil {
				r.add(i.line, i.name, "was changed without SOPS, or taken from elsewhere: enter it with sops edit")
				continue
			}
			if quoted(v.text) && strings.HasSuffix(f.name, ".env") {
				r.add(i.line, i.name, "begins and ends with a quote, which SOPS takes for a part of the value: remove the quotes (sops edit), or keep the file as YAML if they are meant")
				continue
			}
		}
		if encrypted(i.name) || !f.meta.macOnly {
			sum.Write([]byte(v.mac)) // a hash takes everything
		}
		clear[i.name] = v.text
	}
	if err := r.err(); err != nil {
		return nil, err
	}
	return clear, f.meta.verify(block, fmt.Sprintf("%X", sum.Sum(nil)))
}

// macOnlyMark begins a MAC over encrypted values only (sops.go:
// MACOnlyEncryptedInitialization).
func macOnlyMark() []byte {
	mark := sha256.Sum256([]byte("sops"))
	return mark[:]
}

// verify compares the MAC, which is encrypted with the time of the last change as
// its place (decrypt/decrypt.go).
func (m *metadata) verify(block cipher.Block, sum string) error {
	changed, err := time.Parse(time.RFC3339, m.lastModified)
	if err != nil {
		return ErrTampered
	}
	mac, err := decrypt(block, m.mac, changed.Format(time.RFC3339))
	if err != nil || subtle.ConstantTimeCompare([]byte(mac.text), []byte(sum)) != 1 {
		return ErrTampered
	}
	return nil
}

// maxDataKey is more than the 32 bytes that a data key has.
const maxDataKey = 64

// dataKey unwraps the key of the values (age/keysource.go: Decrypt).
func (f *File) dataKey(identities []age.Identity) ([]byte, error) {
	for _, k := range f.meta.keys {
		r, err := age.Decrypt(armor.NewReader(strings.NewReader(k.armored)), identities...)
		if none := (*age.NoIdentityMatchError)(nil); errors.As(err, &none) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("the data key for %s is %w", k.recipient, errDamaged)
		}
		key, err := io.ReadAll(io.LimitReader(r, maxDataKey))
		if err != nil {
			return nil, fmt.Errorf("the data key for %s is %w", k.recipient, errDamaged)
		}
		return key, nil
	}
	return nil, fmt.Errorf("%w: it is for %s; add the key's recipient to .sops.yaml and run sops updatekeys %s", ErrNotForUs, f.recipients(), path.Base(f.name))
}

func (f *File) recipients() string {
	names := make([]string, len(f.meta.keys))
	for i, k := range f.meta.keys {
		names[i] = k.recipient
	}
	return strings.Join(names, " and ")
}

// value is a decrypted value: as a variable, and as the MAC counts it.
type value struct{ text, mac string }

// decrypt opens one value (aes/cipher.go: Decrypt).
func decrypt(block cipher.Block, text, place string) (value, error) {
	s, err := unpack(text)
	if err != nil {
		return value{}, err
	}
	gcm, err := cipher.NewGCMWithNonceSize(block, len(s.iv))
	if err != nil || len(s.tag) != gcm.Overhead() {
		return value{}, errDamaged
	}
	clear, err := gcm.Open(nil, s.iv, append(s.data, s.tag...), []byte(place))
	if err != nil {
		return value{}, errDamaged
	}
	return typed(string(clear), s.kind)
}

// typed is the value of one of SOPS's types (sops.go: ToBytes).
func typed(text, kind string) (value, error) {
	switch kind {
	case "str":
		return value{text, text}, nil
	case "int":
		n, err := strconv.Atoi(text)
		if err != nil {
			return value{}, errDamaged
		}
		return value{strconv.Itoa(n), strconv.Itoa(n)}, nil
	case "float":
		x, err := strconv.ParseFloat(text, 64)
		if err != nil {
			return value{}, errDamaged
		}
		text = strconv.FormatFloat(x, 'f', -1, 64)
		return value{text, text}, nil
	case "bool":
		b, err := strconv.ParseBool(text)
		if err != nil {
			return value{}, errDamaged
		}
		return value{strconv.FormatBool(b), title(b)}, nil
	default:
		return value{}, errDamaged
	}
}

// plain is a value that is not encrypted: a variable as it is written, and counted
// as what SOPS reads it as.
func plain(i item) value {
	kind := "str"
	switch i.kind {
	case kindBool:
		kind = "bool"
	case kindNumber:
		kind = "float"
		if _, err := strconv.Atoi(i.text); err == nil {
			kind = "int"
		}
	}
	v, err := typed(i.text, kind)
	if err != nil {
		return value{i.text, i.text} // another number than SOPS reads: the MAC will not fit
	}
	return value{i.text, v.mac}
}

// title writes a boolean as the first SOPS, in Python, did.
func title(b bool) string {
	if b {
		return "True"
	}
	return "False"
}

func quoted(s string) bool {
	return len(s) >= 2 && (s[0] == '"' || s[0] == '\'') && s[len(s)-1] == s[0]
}
