package verify

import (
	"bytes"
	"errors"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp"
)

// Files names the files with the keys that may sign. An empty name means that no
// signature of that kind is good.
type Files struct {
	SSHAllowedSigners string // as in git's gpg.ssh.allowedSignersFile
	PGPKeyring        string // exported public keys, armored or not
}

// Any tells whether there is a file at all.
func (f Files) Any() bool { return f != Files{} }

// Keys are those that may sign.
type Keys struct {
	files Files
	ssh   []signer
	pgp   openpgp.EntityList
}

// Read reads the files. A file that is missing, that others may write, that lists
// no key, or that has a line that is not understood is an error, which says what
// is wrong where and what to do: a line that was left out could be the one that
// restricts a key.
func (f Files) Read() (*Keys, error) {
	k := &Keys{files: f}
	var errs []error
	if f.SSHAllowedSigners != "" {
		var err error
		k.ssh, err = readAllowedSigners(f.SSHAllowedSigners)
		errs = append(errs, err)
	}
	if f.PGPKeyring != "" {
		var err error
		k.pgp, err = readKeyring(f.PGPKeyring)
		errs = append(errs, err)
	}
	return k, errors.Join(errs...)
}

// Verify tells who signed the commit, which is given as its object's content, or
// why it is not good: a *Refusal. A key has to be valid now, not only at the time
// that the commit says it was made: a thief can write any time into a commit.
func (k *Keys) Verify(raw []byte, now time.Time) (by string, err error) {
	c, err := Split(raw)
	if err != nil {
		return "", err
	}
	sig := bytes.TrimSpace(c.Signature)
	begins := func(kind string) bool { return bytes.HasPrefix(sig, []byte("-----BEGIN "+kind+"-----")) }
	switch {
	case c.Signature == nil:
		return "", refuse(Unsigned, "it is not signed")
	case begins("SSH SIGNATURE"):
		return k.verifySSH(c, now)
	case begins("PGP SIGNATURE"):
		return k.verifyPGP(c, now)
	case begins("SIGNED MESSAGE"):
		return "", refuse(Unsupported, "it has an X.509 signature, which tandem does not check: sign with an ssh or a PGP key")
	default:
		return "", refuse(Unsupported, "its signature is of no known kind")
	}
}
