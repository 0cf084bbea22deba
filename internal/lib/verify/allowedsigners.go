package verify

import (
	"bytes"
	"crypto/rsa"
	"encoding/base64"
	"fmt"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"
)

// signer is one line of an allowed signers file.
type signer struct {
	line       int
	principals string // patterns, as they stand there
	namespaces string // patterns; empty: all
	after      time.Time
	before     time.Time // zero: no end
	key        ssh.PublicKey
}

func readAllowedSigners(path string) ([]signer, error) {
	data, err := readFile(path)
	if err != nil {
		return nil, err
	}
	signers, err := parseAllowedSigners(data)
	if err != nil {
		return nil, fmt.Errorf("%s:%w", path, err)
	}
	if len(signers) == 0 {
		return nil, fmt.Errorf("%s lists no key; write lines such as: ada@example.com ssh-ed25519 AAAA…", path)
	}
	return signers, nil
}

// parseAllowedSigners reads the format that ssh-keygen(1) calls ALLOWED SIGNERS.
// The error begins with the number of the line.
func parseAllowedSigners(data []byte) ([]signer, error) {
	var signers []signer
	number := 0
	for line := range bytes.Lines(data) {
		number++
		text := strings.TrimLeft(strings.TrimRight(string(line), "\r\n"), " \t")
		if text == "" || text[0] == '#' {
			continue
		}
		s, err := parseSigner(text)
		if err != nil {
			return nil, fmt.Errorf("%d: %w", number, err)
		}
		s.line = number
		signers = append(signers, s)
	}
	return signers, nil
}

func parseSigner(text string) (signer, error) {
	if keyType(text) { // as in authorized_keys
		return signer{}, fmt.Errorf("nobody is named before the key: want principals first, such as: ada@example.com ssh-ed25519 AAAA…")
	}
	principals, rest := cutField(text)
	s := signer{principals: strings.Trim(principals, `"`)}
	if s.principals == "" || rest == "" || strings.Contains(s.principals, `"`) {
		return s, fmt.Errorf("want principals, options and a key, such as: ada@example.com ssh-ed25519 AAAA…")
	}
	if !keyType(rest) {
		var options string
		options, rest = cutField(rest)
		if err := s.readOptions(options); err != nil {
			return s, err
		}
	}
	var err error
	s.key, err = parseKey(rest)
	return s, err
}

// cutField cuts at the first blank that is not between quotes.
func cutField(s string) (field, rest string) {
	quoted := false
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '\\' && i+1 < len(s) && s[i+1] == '"':
			i++
		case s[i] == '"':
			quoted = !quoted
		case !quoted && (s[i] == ' ' || s[i] == '\t'):
			return s[:i], strings.TrimLeft(s[i:], " \t")
		}
	}
	return s, ""
}

// keyType tells whether s begins with the name of a kind of key.
func keyType(s string) bool {
	name, _ := cutField(s)
	return strings.HasPrefix(name, "ssh-") || strings.HasPrefix(name, "ecdsa-") || strings.HasPrefix(name, "sk-") ||
		strings.HasPrefix(name, "rsa-sha2-")
}

func parseKey(s string) (ssh.PublicKey, error) {
	kind, rest := cutField(s)
	text, _ := cutField(rest) // a comment may follow
	data, err := base64.StdEncoding.DecodeString(text)
	if err != nil || text == "" {
		return nil, fmt.Errorf("there is no key where one should be: want a line of a .pub file, such as: ssh-ed25519 AAAA…")
	}
	key, err := ssh.ParsePublicKey(data)
	if err != nil {
		return nil, fmt.Errorf("the key cannot be read: %w", err)
	}
	if _, ok := key.(*ssh.Certificate); ok {
		return nil, fmt.Errorf("this is a certificate: list the key itself")
	}
	if key.Type() != kind {
		return nil, fmt.Errorf("the key is of type %s, but %s stands before it", key.Type(), kind)
	}
	return key, strong(key)
}

// strong refuses keys that can be broken.
func strong(key ssh.PublicKey) error {
	const least = 2048
	if strings.HasPrefix(key.Type(), "ssh-dss") {
		return fmt.Errorf("DSA keys are not safe any more: list another key")
	}
	if c, ok := key.(ssh.CryptoPublicKey); ok {
		if r, ok := c.CryptoPublicKey().(*rsa.PublicKey); ok && r.N.BitLen() < least {
			return fmt.Errorf("an RSA key of %d bits is not safe: want %d or more", r.N.BitLen(), least)
		}
	}
	return nil
}

// readOptions reads what stands between the principals and the key.
func (s *signer) readOptions(text string) error {
	seen := map[string]bool{}
	for text != "" {
		name, value, rest, err := cutOption(text)
		if err != nil {
			return err
		}
		if seen[name] {
			return fmt.Errorf("the option %s is there twice", name)
		}
		seen[name] = true
		if err := s.readOption(name, value); err != nil {
			return err
		}
		text = rest
	}
	if !s.before.IsZero() && s.before.Before(s.after) {
		return fmt.Errorf("valid-before is before valid-after")
	}
	return nil
}

func (s *signer) readOption(name string, value *string) (err error) {
	switch name {
	case "cert-authority":
		return fmt.Errorf("cert-authority is not supported by tandem: list the keys themselves")
	case "namespaces", "valid-after", "valid-before":
		if value == nil || *value == "" {
			return fmt.Errorf(`the option %s wants a value in quotes, such as %s="…"`, name, name)
		}
	default:
		return fmt.Errorf(`the option %q is not known; there are namespaces="git", valid-after="20260101" and valid-before="20270101"`, name)
	}
	switch name {
	case "namespaces":
		s.namespaces = *value
	case "valid-after":
		s.after, err = parseTime(*value)
	case "valid-before":
		s.before, err = parseTime(*value)
	}
	return err
}

// cutOption cuts off the first of several options. The name is in lower case; the
// value is nil when there is none.
func cutOption(s string) (name string, value *string, rest string, err error) {
	end := strings.IndexAny(s, ",=")
	if end < 0 {
		return strings.ToLower(s), nil, "", nil
	}
	name = strings.ToLower(s[:end])
	if s[end] == '=' {
		text, after, ok := unquote(s[end+1:])
		if !ok {
			return name, nil, "", fmt.Errorf(`the option %s wants its value in quotes, such as %s="…"`, name, name)
		}
		if after == "" {
			return name, &text, "", nil
		}
		value, s, end = &text, after, 0
	}
	if s[end] != ',' || end+1 == len(s) {
		return name, nil, "", fmt.Errorf("options are separated by single commas, without blanks")
	}
	return name, value, s[end+1:], nil
}

// unquote reads "…" at the beginning of s, in which \" stands for a quote.
func unquote(s string) (text, rest string, ok bool) {
	if !strings.HasPrefix(s, `"`) {
		return "", "", false
	}
	var b strings.Builder
	for i := 1; i < len(s); i++ {
		switch {
		case s[i] == '\\' && i+1 < len(s) && s[i+1] == '"':
			i++
			b.WriteByte('"')
		case s[i] == '"':
			return b.String(), s[i+1:], true
		default:
			b.WriteByte(s[i])
		}
	}
	return "", "", false
}

// parseTime reads YYYYMMDD, YYYYMMDDHHMM or YYYYMMDDHHMMSS; with a Z at its end it
// is in UTC, else in this machine's time zone.
func parseTime(s string) (time.Time, error) {
	digits, utc := strings.CutSuffix(s, "Z")
	zone := time.Local
	if utc {
		zone = time.UTC
	}
	layout := map[int]string{8: "20060102", 12: "200601021504", 14: "20060102150405"}[len(digits)]
	t, err := time.ParseInLocation(layout, digits, zone)
	if layout == "" || err != nil {
		return t, fmt.Errorf(`%q is not a time: want "20261231", "202612312359" or "20261231235959", with a Z at its end for UTC`, s)
	}
	return t, nil
}
