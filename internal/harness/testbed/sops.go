package testbed

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha512"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"time"

	"filippo.io/age"
	"filippo.io/age/armor"
)

// Variable is one line of a dotenv file.
type Variable struct{ Name, Value string }

// SOPSDotenv encrypts variables for a recipient as `sops encrypt` does a dotenv
// file: Debian has no sops, and a test wants values of its own. That the format is
// right is shown by the files in internal/lib/sops/testdata, which sops itself wrote.
func SOPSDotenv(recipient age.Recipient, variables ...Variable) ([]byte, error) {
	key := make([]byte, 32)
	if _, err := rand.Read(key); err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	var out strings.Builder
	sum := sha512.New()
	for _, v := range variables {
		sealed, err := seal(block, v.Value, v.Name+":")
		if err != nil {
			return nil, err
		}
		fmt.Fprintf(&out, "%s=%s\n", v.Name, sealed)
		sum.Write([]byte(v.Value)) // a hash takes everything
	}
	wrapped, err := wrap(recipient, key)
	if err != nil {
		return nil, err
	}
	now := time.Now().UTC().Format(time.RFC3339)
	mac, err := seal(block, fmt.Sprintf("%X", sum.Sum(nil)), now)
	if err != nil {
		return nil, err
	}
	fmt.Fprintf(&out, "sops_age__list_0__map_enc=%s\nsops_age__list_0__map_recipient=%s\nsops_lastmodified=%s\nsops_mac=%s\nsops_version=3.13.3\n",
		strings.ReplaceAll(wrapped, "\n", `\n`), recipient, now, mac)
	return []byte(out.String()), nil
}

func seal(block cipher.Block, value, place string) (string, error) {
	iv := make([]byte, 32)
	if _, err := rand.Read(iv); err != nil {
		return "", err
	}
	gcm, err := cipher.NewGCMWithNonceSize(block, len(iv))
	if err != nil {
		return "", err
	}
	sealed := gcm.Seal(nil, iv, []byte(value), []byte(place))
	end := len(sealed) - gcm.Overhead()
	text := base64.StdEncoding.EncodeToString
	return fmt.Sprintf("ENC[AES256_GCM,data:%s,iv:%s,tag:%s,type:str]", text(sealed[:end]), text(iv), text(sealed[end:])), nil
}

func wrap(recipient age.Recipient, key []byte) (string, error) {
	var out bytes.Buffer
	armored := armor.NewWriter(&out)
	w, err := age.Encrypt(armored, recipient)
	if err != nil {
		return "", err
	}
	_, err = w.Write(key)
	err = errors.Join(err, w.Close(), armored.Close())
	return out.String(), err
}
