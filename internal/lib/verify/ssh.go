package verify

import (
	"bytes"
	"cmp"
	"fmt"
	"strings"
	"time"

	"github.com/hiddeco/sshsig"
	"golang.org/x/crypto/ssh"
)

// namespace is what git signs commits in: a signature that was made for a file or
// a mail is none for a commit.
const namespace = "git"

func (k *Keys) verifySSH(c Commit, now time.Time) (string, error) {
	if len(k.ssh) == 0 {
		return "", refuse(UnknownKey, "it is signed with an ssh key, and repo.verify.ssh_allowed_signers names no file")
	}
	sig, err := sshsig.Unarmor(c.Signature)
	if err != nil {
		return "", refuse(Unsupported, "its ssh signature cannot be read: %v", err)
	}
	if _, ok := sig.PublicKey.(*ssh.Certificate); ok {
		return "", refuse(Unsupported, "it is signed with an ssh certificate, which tandem does not check: sign with the key itself")
	}
	if sig.Namespace != namespace {
		return "", refuse(NotAllowed, "its ssh signature was made for %q, not for git", sig.Namespace)
	}
	name := "ssh key " + ssh.FingerprintSHA256(sig.PublicKey)
	if err := sshsig.Verify(bytes.NewReader(c.Signed), sig, sig.PublicKey, sig.HashAlgorithm, namespace); err != nil {
		return "", refuse(Tampered, "its signature by %s does not fit its content: it was changed after it was signed", name)
	}
	var trouble error
	for _, s := range k.ssh {
		if !bytes.Equal(s.key.Marshal(), sig.PublicKey.Marshal()) {
			continue
		}
		if err = s.allows(name, k.files.SSHAllowedSigners, c.Committed, now); err == nil {
			return fmt.Sprintf("%s (%s)", name, s.principals), nil
		}
		trouble = cmp.Or(trouble, err)
	}
	if trouble == nil {
		trouble = refuse(UnknownKey, "it is signed by %s, which %s does not list", name, k.files.SSHAllowedSigners)
	}
	return "", trouble
}

// allows tells whether the line lets its key sign a commit of that time. As with
// git, the key counts and the principal need not be the committer's.
func (s signer) allows(name, file string, committed, now time.Time) error {
	where := fmt.Sprintf("%s:%d", file, s.line)
	switch {
	case !s.someone():
		return refuse(NotAllowed, "it is signed by %s, for which the principals in %s let nobody sign", name, where)
	case s.namespaces != "" && !matchList(namespace, s.namespaces):
		return refuse(NotAllowed, "it is signed by %s, which %s does not allow for git", name, where)
	}
	for _, at := range []struct {
		time  time.Time
		words string // the same each time that it is asked
	}{{committed, "the commit says that it was made " + stamp(committed)}, {now, "that is not now"}} {
		switch {
		case at.time.Before(s.after):
			return refuse(Expired, "it is signed by %s, which is valid from %s on (%s), and %s", name, stamp(s.after), where, at.words)
		case !s.before.IsZero() && at.time.After(s.before):
			return refuse(Expired, "it is signed by %s, which was valid until %s (%s), and %s", name, stamp(s.before), where, at.words)
		}
	}
	return nil
}

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// someone tells whether one of the principals is not turned down by the others,
// which is what git asks: it finds the principals of the key, and verifies as each.
func (s signer) someone() bool {
	for p := range strings.SplitSeq(s.principals, ",") {
		if p != "" && matchList(p, s.principals) {
			return true
		}
	}
	return false
}
