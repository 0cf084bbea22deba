package api

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tandem/internal/harness/testbed/fuzzline"
)

const push = `{"ref":"refs/heads/main"}`

func sign(secret, body string) string {
	m := hmac.New(sha256.New, []byte(secret))
	m.Write([]byte(body))
	return hex.EncodeToString(m.Sum(nil))
}

func secretFile(t testing.TB, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "webhook")
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// deliver sends one delivery and tells the answer and how often it woke the poll.
func deliver(h http.Handler, d *desk, body string, header http.Header) (code, woken int) {
	r := httptest.NewRequest("POST", "/hooks/git", strings.NewReader(body))
	r.Host = "deploy.example.com"
	r.Header = header
	w := httptest.NewRecorder()
	before := len(d.asked())
	h.ServeHTTP(w, r)
	return w.Code, len(d.asked()) - before
}

func TestWebhook_WakesForTheRightProofOnly(t *testing.T) {
	good, wrong := sign("s3cret", push), sign("other", push)
	for name, c := range map[string]struct {
		header http.Header
		body   string
		want   int
	}{
		"GitHub":                        {header: http.Header{"X-Hub-Signature-256": {"sha256=" + good}}, want: 202},
		"GitLab":                        {header: http.Header{"X-Gitlab-Token": {"s3cret"}}, want: 202},
		"Gitea":                         {header: http.Header{"X-Gitea-Signature": {good}}, want: 202},
		"Forgejo":                       {header: http.Header{"X-Forgejo-Signature": {good}}, want: 202},
		"Gitea with GitHub's beside it": {header: http.Header{"X-Gitea-Signature": {good}, "X-Hub-Signature-256": {"sha256=" + good}}, want: 202},
		"nothing":                       {want: 401},
		"empty values":                  {header: http.Header{"X-Hub-Signature-256": {""}, "X-Gitlab-Token": {""}, "X-Gitea-Signature": {""}}, want: 401},
		"empty GitHub digest":           {header: http.Header{"X-Hub-Signature-256": {"sha256="}}, want: 401},
		"GitHub without the prefix":     {header: http.Header{"X-Hub-Signature-256": {good}}, want: 401},
		"GitHub's old SHA-1 header":     {header: http.Header{"X-Hub-Signature": {"sha256=" + good}}, want: 401},
		"wrong GitHub signature":        {header: http.Header{"X-Hub-Signature-256": {"sha256=" + wrong}}, want: 401},
		"wrong GitLab token":            {header: http.Header{"X-Gitlab-Token": {"s3cret2"}}, want: 401},
		"start of the GitLab token":     {header: http.Header{"X-Gitlab-Token": {"s3cre"}}, want: 401},
		"signature as GitLab token":     {header: http.Header{"X-Gitlab-Token": {good}}, want: 401},
		"secret as Gitea signature":     {header: http.Header{"X-Gitea-Signature": {"s3cret"}}, want: 401},
		"wrong Forgejo signature":       {header: http.Header{"X-Forgejo-Signature": {wrong}}, want: 401},
		"half a signature":              {header: http.Header{"X-Gitea-Signature": {good[:32]}}, want: 401},
		"signature of another body":     {header: http.Header{"X-Gitea-Signature": {good}}, body: push + " ", want: 401},
		"not hexadecimal":               {header: http.Header{"X-Gitea-Signature": {"zz" + good[2:]}}, want: 401},
	} {
		t.Run(name, func(t *testing.T) {
			d := &desk{}
			h := routes(Options{Control: d, SecretFile: secretFile(t, "s3cret\n"), Log: quiet()})
			code, woken := deliver(h, d, orElse(c.body, push), c.header)
			if code != c.want || woken == 1 != (c.want == 202) {
				t.Errorf("answered %d and woke %d times, want %d", code, woken, c.want)
			}
		})
	}
}

func TestWebhook_WithoutASecretFileThereIsNone(t *testing.T) {
	d := &desk{}
	code, woken := deliver(routes(Options{Control: d, Log: quiet()}), d, push, http.Header{"X-Gitlab-Token": {""}})
	if code != 404 || woken != 0 {
		t.Errorf("answered %d and woke %d times, want 404 and 0", code, woken)
	}
}

func TestWebhook_EmptyOrMissingSecretOpensNothing(t *testing.T) {
	for name, path := range map[string]string{
		"empty":       secretFile(t, ""),
		"line end":    secretFile(t, "\r\n"),
		"not there":   filepath.Join(t.TempDir(), "none"),
		"a directory": t.TempDir(),
	} {
		t.Run(name, func(t *testing.T) {
			d := &desk{}
			h := routes(Options{Control: d, SecretFile: path, Log: quiet()})
			for _, header := range []http.Header{
				{"X-Gitlab-Token": {""}},
				{"X-Gitea-Signature": {sign("", push)}},
				{"X-Hub-Signature-256": {"sha256=" + sign("", push)}},
			} {
				if code, woken := deliver(h, d, push, header); code != 503 || woken != 0 {
					t.Errorf("%v: answered %d and woke %d times, want 503 and 0", header, code, woken)
				}
			}
		})
	}
}

func TestWebhook_ReadsTheSecretAnew(t *testing.T) {
	d, path := &desk{}, secretFile(t, "old")
	h := routes(Options{Control: d, SecretFile: path, Log: quiet()})
	for _, c := range []struct {
		file, token string
		want        int
	}{
		{"old", "old", 202}, {"new", "old", 401}, {"new", "new", 202},
	} {
		if err := os.WriteFile(path, []byte(c.file), 0o600); err != nil {
			t.Fatal(err)
		}
		if code, _ := deliver(h, d, push, http.Header{"X-Gitlab-Token": {c.token}}); code != c.want {
			t.Errorf("file %q, token %q: answered %d, want %d", c.file, c.token, code, c.want)
		}
	}
}

func TestWebhook_HugeDeliveryIsRefusedEvenWhenSigned(t *testing.T) {
	d := &desk{}
	h := routes(Options{Control: d, SecretFile: secretFile(t, "s3cret"), Log: quiet()})
	for size, want := range map[int]int{bodyLimit: 202, bodyLimit + 1: 413} {
		body := strings.Repeat("x", size)
		code, woken := deliver(h, d, body, http.Header{"X-Gitea-Signature": {sign("s3cret", body)}})
		if code != want || woken == 1 != (want == 202) {
			t.Errorf("%d bytes: answered %d and woke %d times, want %d", size, code, woken, want)
		}
	}
}

func TestWebhook_SameRefusalIsLoggedOnceAndNeverTheSecret(t *testing.T) {
	var out bytes.Buffer
	d := &desk{}
	h := routes(Options{Control: d, SecretFile: secretFile(t, "s3cret"), Log: slog.New(slog.NewTextHandler(&out, nil))})
	bad, good := http.Header{"X-Gitlab-Token": {"guess"}}, http.Header{"X-Gitlab-Token": {"s3cret"}}
	for _, header := range []http.Header{bad, bad, bad, good, bad, bad} {
		deliver(h, d, push, header)
	}
	if n := strings.Count(out.String(), "webhook delivery refused"); n != 2 {
		t.Errorf("logged %d times, want 2 (once before and once after the good one):\n%s", n, &out)
	}
	for _, word := range []string{"s3cret", "guess"} {
		if strings.Contains(out.String(), word) {
			t.Errorf("log holds %q:\n%s", word, &out)
		}
	}
}

func FuzzWebhook(f *testing.F) {
	const secret = "s3cret"
	path := secretFile(f, secret+"\n")
	right := sign(secret, push)
	for _, s := range []struct{ hub, lab, tea, jo string }{
		{hub: "sha256=" + right}, {lab: secret}, {tea: right}, {jo: right}, {},
		{hub: "sha256="}, {hub: "sha1=" + right}, {tea: strings.ToUpper(right)}, {tea: right + "00"}, {lab: secret + "\n"},
	} {
		f.Add([]byte(push), s.hub, s.lab, s.tea, s.jo, false)
		f.Add([]byte(push), s.hub, s.lab, s.tea, s.jo, true)
	}
	line := fuzzline.Line{Base: 16 << 20, PerKiB: 1 << 20}
	f.Fuzz(func(t *testing.T, body []byte, hub, lab, tea, jo string, resign bool) {
		if resign { // lets the fuzzer vary the body and still be right
			jo = sign(secret, string(body))
		}
		header := http.Header{
			"X-Hub-Signature-256": {hub}, "X-Gitlab-Token": {lab},
			"X-Gitea-Signature": {tea}, "X-Forgejo-Signature": {jo},
		}
		digest := sign(secret, string(body))
		proven := lab == secret || strings.ToLower(tea) == digest || strings.ToLower(jo) == digest ||
			strings.HasPrefix(hub, "sha256=") && strings.ToLower(hub[len("sha256="):]) == digest

		d := &desk{}
		h := routes(Options{Control: d, SecretFile: path, Log: quiet()})
		var code, woken int
		line.Hold(t, len(body), func() { code, woken = deliver(h, d, string(body), header) })
		if proven && len(body) <= bodyLimit {
			if code != 202 || woken != 1 {
				t.Errorf("right proof: answered %d and woke %d times", code, woken)
			}
			return
		}
		if code == 202 || woken != 0 {
			t.Errorf("no proof: answered %d and woke %d times", code, woken)
		}
	})
}
