package verify

import (
	"bytes"
	"crypto"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp"
	"github.com/ProtonMail/go-crypto/openpgp/armor"
	pgperrors "github.com/ProtonMail/go-crypto/openpgp/errors"
	"github.com/ProtonMail/go-crypto/openpgp/packet"
)

func readKeyring(path string) (openpgp.EntityList, error) {
	data, err := readFile(path)
	if err != nil {
		return nil, err
	}
	keys, err := parseKeyring(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w; write it with: gpg --export --armor KEY… > %s", path, err, path)
	}
	if len(keys) == 0 {
		return nil, fmt.Errorf("%s holds no key; write it with: gpg --export --armor KEY… > %s", path, path)
	}
	return keys, nil
}

// parseKeyring reads exported keys: one binary block, or any number of armored
// ones with text between them. A key that cannot be read is an error: it could be
// the one that revokes another.
func parseKeyring(data []byte) (openpgp.EntityList, error) {
	begin := []byte("-----BEGIN PGP ")
	if !bytes.Contains(data, begin) {
		return readEntities(bytes.NewReader(data))
	}
	var keys openpgp.EntityList
	for at := bytes.Index(data, begin); at >= 0; {
		next := bytes.Index(data[at+1:], begin)
		part := data[at:]
		if next >= 0 {
			next += at + 1
			part = data[at:next]
		}
		block, err := armor.Decode(bytes.NewReader(part))
		if err != nil {
			return nil, fmt.Errorf("a block of keys cannot be read: %w", err)
		}
		if block.Type != openpgp.PublicKeyType {
			return nil, fmt.Errorf("holds a %q, and wants public keys alone", block.Type)
		}
		some, err := readEntities(block.Body)
		if err != nil {
			return nil, err
		}
		keys = append(keys, some...)
		at = next
	}
	return keys, nil
}

func readEntities(r io.Reader) (openpgp.EntityList, error) {
	packets := packet.NewReader(r)
	var keys openpgp.EntityList
	for {
		e, err := openpgp.ReadEntity(packets)
		switch {
		case errors.Is(err, io.EOF):
			return keys, nil
		case err != nil:
			return nil, fmt.Errorf("key %d cannot be read: %w", len(keys)+1, err)
		case e.PrivateKey != nil:
			return nil, fmt.Errorf("key %d is a private key, and wants to be kept elsewhere", len(keys)+1)
		}
		keys = append(keys, e)
	}
}

func (k *Keys) verifyPGP(c Commit, now time.Time) (string, error) {
	if len(k.pgp) == 0 {
		return "", refuse(UnknownKey, "it is signed with a PGP key, and repo.verify.pgp_keyring names no file")
	}
	packets, id, err := readSignature(c.Signature)
	if err != nil {
		return "", err
	}
	by, err := openpgp.CheckDetachedSignature(k.pgp, bytes.NewReader(c.Signed), bytes.NewReader(packets), &packet.Config{Time: func() time.Time { return now }})
	name := fmt.Sprintf("PGP key %016X", id)
	if by != nil {
		name += " (" + identity(by) + ")"
	}
	switch {
	case err == nil:
		return name, nil
	case errors.Is(err, pgperrors.ErrUnknownIssuer):
		return "", refuse(UnknownKey, "it is signed by %s, which %s does not hold as a key for signing", name, k.files.PGPKeyring)
	case errors.Is(err, pgperrors.ErrKeyRevoked):
		return "", refuse(Revoked, "it is signed by %s, which was revoked", name)
	case errors.Is(err, pgperrors.ErrKeyExpired):
		return "", refuse(Expired, "it is signed by %s, which has expired", name)
	case errors.Is(err, pgperrors.ErrSignatureExpired):
		return "", refuse(Expired, "its signature by %s has expired, or is not valid yet", name)
	case by != nil: // the signature itself is good
		return "", refuse(Unsupported, "its signature by %s cannot be judged: %v", name, err)
	default:
		return "", refuse(Tampered, "its signature by %s does not fit its content: it was changed after it was signed", name)
	}
}

// hashes are those that a signature may be over. Another content with the same
// hash can be made for MD5 and SHA-1.
var hashes = []crypto.Hash{crypto.SHA224, crypto.SHA256, crypto.SHA384, crypto.SHA512, crypto.SHA3_256, crypto.SHA3_512}

// readSignature takes the armor off a signature, and returns the key that it says
// it is by. It has to be one signature, over the bytes as they are.
func readSignature(armored []byte) (packets []byte, key uint64, err error) {
	block, err := armor.Decode(bytes.NewReader(armored))
	if err == nil && block.Type != openpgp.SignatureType {
		err = fmt.Errorf("it is a %q", block.Type)
	}
	if err == nil {
		packets, err = io.ReadAll(block.Body)
	}
	if err != nil {
		return nil, 0, refuse(Unsupported, "its PGP signature cannot be read: %v", err)
	}
	reader := packet.NewReader(bytes.NewReader(packets))
	first, err := reader.Next()
	if err != nil {
		return nil, 0, refuse(Unsupported, "its PGP signature cannot be read: %v", err)
	}
	sig, ok := first.(*packet.Signature)
	if _, end := reader.Next(); !ok || !errors.Is(end, io.EOF) {
		return nil, 0, refuse(Unsupported, "its PGP signature is not one signature alone")
	}
	switch {
	case sig.IssuerKeyId == nil:
		return nil, 0, refuse(Unsupported, "its PGP signature does not say which key it is by")
	case sig.SigType != packet.SigTypeBinary:
		return nil, 0, refuse(Unsupported, "its PGP signature is not one over a commit")
	case !slices.Contains(hashes, sig.Hash):
		return nil, 0, refuse(Unsupported, "its PGP signature is over a hash that is not safe any more (%v): sign with SHA-256 or SHA-512", sig.Hash)
	}
	return packets, *sig.IssuerKeyId, nil
}

// identity is the name of a key's owner, as the key says.
func identity(e *openpgp.Entity) string {
	if i := e.PrimaryIdentity(); i != nil {
		return i.Name
	}
	return "nobody's name"
}
