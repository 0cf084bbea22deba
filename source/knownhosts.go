package source

import (
	"errors"
	"fmt"
	"net"

	"github.com/skeema/knownhosts"
	"golang.org/x/crypto/ssh"
	xknownhosts "golang.org/x/crypto/ssh/knownhosts"
)

// pinned returns the check of a server's key against a known_hosts file, and the
// kinds of key to ask the server for: asked for another kind, an honest server
// would look like a wrong one. There is no way around the check.
func pinned(file, host string) (ssh.HostKeyCallback, []string, error) {
	db, err := knownhosts.NewDB(file)
	if err != nil {
		return nil, nil, kindf(ErrCredentials, "auth.known_hosts: %v: it must hold the server's key (see ssh-keyscan, and compare the fingerprint)", err)
	}
	check := db.HostKeyCallback()
	callback := func(hostname string, remote net.Addr, key ssh.PublicKey) error {
		err := check(hostname, remote, key)
		if err == nil {
			return nil
		}
		return hostKeyError(file, hostname, key, err)
	}
	algorithms := db.HostKeyAlgorithms(host)
	if len(algorithms) == 0 {
		return nil, nil, kindf(ErrCredentials, "auth.known_hosts: %s has no key of %s: add it (see ssh-keyscan, and compare the fingerprint)", file, host)
	}
	return callback, algorithms, nil
}

func hostKeyError(file, host string, key ssh.PublicKey, err error) error {
	fingerprint := ssh.FingerprintSHA256(key)
	var mismatch *xknownhosts.KeyError
	if errors.As(err, &mismatch) && len(mismatch.Want) > 0 {
		return kindf(ErrCredentials, "the key of %s (%s) is not the one that %s pins: somebody may listen in; if the server has a new key, replace the line", host, fingerprint, file)
	}
	if errors.As(err, &mismatch) {
		return kindf(ErrCredentials, "the key of %s (%s) is not in %s", host, fingerprint, file)
	}
	return &kindError{text: fmt.Sprintf("the key of %s (%s): %v", host, fingerprint, err), kind: ErrCredentials}
}
