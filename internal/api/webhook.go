package api

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"strings"
	"sync"
)

// bodyLimit is the size in bytes of the largest delivery that is looked at.
const bodyLimit = 1 << 20

// webhook wakes the poll when the Git server says that something was pushed. It
// believes nothing that the delivery says: what is there is asked of Git.
type webhook struct {
	secretFile string
	wake       func()
	log        *slog.Logger

	mu       sync.Mutex
	reported string // the last refusal that was logged, until a delivery is accepted
}

func (h *webhook) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	code, err := h.check(w, r)
	h.tell(err)
	if err != nil {
		answer(w, code, failure{Error: http.StatusText(code)})
		return
	}
	h.wake()
	w.WriteHeader(http.StatusAccepted)
}

// check returns nil when the delivery proves that its sender knows the secret,
// otherwise why not and the status to answer with. The reason is for the log:
// it says more about this host than a stranger needs to know.
func (h *webhook) check(w http.ResponseWriter, r *http.Request) (int, error) {
	secret, err := readSecret("webhook secret", h.secretFile)
	if err != nil {
		return http.StatusServiceUnavailable, err
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, bodyLimit))
	if err != nil {
		var tooLarge *http.MaxBytesError
		if errors.As(err, &tooLarge) {
			return http.StatusRequestEntityTooLarge, fmt.Errorf("delivery is larger than %d bytes", bodyLimit)
		}
		return http.StatusBadRequest, fmt.Errorf("read delivery: %w", err)
	}
	if !signed(r.Header, body, secret) {
		return http.StatusUnauthorized, errors.New("no signature or token of the delivery matches the secret")
	}
	return 0, nil
}

// tell logs a refusal, but the same one only once in a row: anybody can send
// deliveries, and nobody should be able to fill the disk with them.
func (h *webhook) tell(err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if err == nil {
		h.reported = ""
		return
	}
	if text := err.Error(); text != h.reported {
		h.reported = text
		h.log.Warn("webhook delivery refused", "err", err)
	}
}

// readSecret returns the content of the file without the line end that editors
// add. An empty secret is an error: everybody knows it.
func readSecret(what, path string) ([]byte, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", what, err)
	}
	secret := bytes.TrimRight(data, "\r\n")
	if len(secret) == 0 {
		return nil, fmt.Errorf("read %s: %s is empty", what, path)
	}
	return secret, nil
}

// signed tells whether one of the proofs that Git servers send is right. Several
// may be there: Gitea signs in its own header and in GitHub's.
func signed(h http.Header, body, secret []byte) bool {
	mac := hmac.New(sha256.New, secret)
	mac.Write(body)
	want := mac.Sum(nil)

	hub, isHub := strings.CutPrefix(h.Get("X-Hub-Signature-256"), "sha256=")
	return isHub && matches(hub, want) ||
		matches(h.Get("X-Gitea-Signature"), want) ||
		matches(h.Get("X-Forgejo-Signature"), want) ||
		sameToken(h.Get("X-Gitlab-Token"), secret)
}

func matches(signature string, want []byte) bool {
	got, err := hex.DecodeString(signature)
	return err == nil && hmac.Equal(got, want)
}

// sameToken compares hashes, so that the time it takes tells not even the
// length of the secret.
func sameToken(token string, secret []byte) bool {
	got, want := sha256.Sum256([]byte(token)), sha256.Sum256(secret)
	return subtle.ConstantTimeCompare(got[:], want[:]) == 1
}
