package sops

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"
)

// metadata is what SOPS keeps beside the values (stores/stores.go: metadata).
type metadata struct {
	present      bool
	keys         []wrapped
	other        []string // kinds of keys that are not age's, and that the file has some of
	groups       bool     // Shamir's secret sharing: several keys are needed at once
	lastModified string
	mac          string
	macOnly      bool // the MAC covers encrypted values only

	unencryptedSuffix, encryptedSuffix string
	unencryptedRegex, encryptedRegex   string
	commentRegex                       bool // a rule that looks at comments
}

// wrapped is the data key, encrypted for one recipient.
type wrapped struct{ recipient, armored string }

// keyKinds are the kinds of keys that are not age's, with what people call them.
var keyKinds = []struct{ key, name string }{
	{"kms", "AWS KMS"}, {"gcp_kms", "GCP KMS"}, {"hckms", "Huawei Cloud KMS"},
	{"azure_kv", "Azure Key Vault"}, {"hc_vault", "HashiCorp Vault"}, {"pgp", "PGP"},
}

func (m *metadata) check(r *report) {
	switch {
	case m.groups:
		r.add(0, "sops.key_groups", "the file needs several keys at once, and tandem opens files with one: remove key_groups from .sops.yaml, and encrypt it anew")
	case len(m.keys) == 0 && len(m.other) > 0:
		r.add(0, "sops", "the file is encrypted for %s, and tandem opens files with an age key only: add its recipient (sops rotate --in-place --add-age age1…)", strings.Join(m.other, " and "))
	case len(m.keys) == 0:
		r.add(0, "sops", "the file is encrypted for nobody: encrypt it anew, for the recipient of the agent's age key")
	}
	if _, err := time.Parse(time.RFC3339, m.lastModified); err != nil {
		r.add(0, "sops.lastmodified", "is missing, or no time: take the file as SOPS wrote it")
	}
	if _, err := unpack(m.mac); err != nil {
		r.add(0, "sops.mac", "is missing or damaged, so that nothing shows that nobody changed the file: take it as SOPS wrote it")
	}
}

// defaultSuffix holds where the file has no rule (sops.go: DefaultUnencryptedSuffix).
const defaultSuffix = "_unencrypted"

// rule returns which names have encrypted values (sops.go: shouldBeEncrypted; a
// flat file has no longer path than the name).
func (m *metadata) rule() (func(name string) bool, error) {
	if m.commentRegex {
		return nil, errors.New("which values are encrypted depends on comments here, which tandem does not look at: use encrypted_regex or unencrypted_regex in .sops.yaml, and encrypt the file anew")
	}
	var rules []func(string) bool
	if s := m.unencryptedSuffix; s != "" {
		rules = append(rules, func(name string) bool { return !strings.HasSuffix(name, s) })
	}
	if s := m.encryptedSuffix; s != "" {
		rules = append(rules, func(name string) bool { return strings.HasSuffix(name, s) })
	}
	for _, x := range []struct {
		text  string
		means bool
	}{{m.unencryptedRegex, false}, {m.encryptedRegex, true}} {
		if x.text == "" {
			continue
		}
		re, err := regexp.Compile(x.text)
		if err != nil {
			return nil, fmt.Errorf("the expression that decides which values are encrypted cannot be read: %w", err)
		}
		rules = append(rules, func(name string) bool { return re.MatchString(name) == x.means })
	}
	switch len(rules) {
	case 0:
		return func(name string) bool { return !strings.HasSuffix(name, defaultSuffix) }, nil
	case 1:
		return rules[0], nil
	default:
		return nil, errors.New("has more than one rule for which values are encrypted: keep one, as SOPS does")
	}
}
