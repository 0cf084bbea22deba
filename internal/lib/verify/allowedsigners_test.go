package verify

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tandem/internal/harness/testbed/fuzzline"
)

const (
	aKey     = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIIF9lqEWz5qmU4LMFN3tC0GyqtMfxV7R6pBkGcSgUSkX"
	otherKey = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAILwB2cOvvJX7QwQdHlCJGgxYUa/o3dhQv8hxSRG5oqxD"
)

func TestAllowedSigners_ReadsWhatOpenSSHReads(t *testing.T) {
	t.Parallel()
	text := "# people\r\n\n\t  # indented\n" +
		"ada@example.com,*@ops.example.com " + aKey + " a comment\n" +
		"\"bob@example.com\" Namespaces=\"file,git\",valid-after=\"20260101Z\",valid-before=\"202612312359Z\" " + otherKey + "\n" +
		"  carl@example.com\tvalid-before=\"20270101000000Z\"\t" + aKey
	got, err := parseAllowedSigners([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	want := []signer{
		{line: 4, principals: "ada@example.com,*@ops.example.com"},
		{line: 5, principals: "bob@example.com", namespaces: "file,git",
			after: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), before: time.Date(2026, 12, 31, 23, 59, 0, 0, time.UTC)},
		{line: 6, principals: "carl@example.com", before: time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC)},
	}
	if len(got) != len(want) {
		t.Fatalf("got %d signers, want %d", len(got), len(want))
	}
	for i := range want {
		if got[i].key == nil {
			t.Errorf("line %d has no key", got[i].line)
		}
		got[i].key = nil
		if got[i] != want[i] {
			t.Errorf("got %+v, want %+v", got[i], want[i])
		}
	}
}

// A line that is not understood could be the one that restricts a key, so the file
// is refused, and says where it is wrong.
func TestAllowedSigners_RefusesALineThatItDoesNotUnderstand(t *testing.T) {
	t.Parallel()
	for line, words := range map[string]string{
		"ada@example.com":                  "want principals, options and a key",
		aKey:                               "nobody is named before the key",
		`"" ` + aKey:                       "want principals",
		"ada@example.com ssh-ed25519":      "there is no key where one should be",
		"ada@example.com ssh-ed25519 !!!!": "there is no key where one should be",
		"ada@example.com ssh-ed25519 AAAA": "the key cannot be read",
		"ada@example.com ssh-rsa " + strings.Fields(aKey)[1]:                     "the key is of type ssh-ed25519, but ssh-rsa stands before it",
		"*@example.com cert-authority " + aKey:                                   "cert-authority is not supported by tandem: list the keys themselves",
		"ada@example.com restrict " + aKey:                                       `the option "restrict" is not known`,
		"ada@example.com namespaces=git " + aKey:                                 "wants its value in quotes",
		"ada@example.com namespaces " + aKey:                                     "wants a value in quotes",
		`ada@example.com namespaces="" ` + aKey:                                  "wants a value in quotes",
		`ada@example.com namespaces="git",namespaces="file" ` + aKey:             "is there twice",
		`ada@example.com namespaces="git", ` + aKey:                              "separated by single commas",
		`ada@example.com namespaces="git ` + aKey:                                "wants its value in quotes",
		`ada@example.com valid-before="tomorrow" ` + aKey:                        `"tomorrow" is not a time`,
		`ada@example.com valid-before="20261301" ` + aKey:                        "is not a time",
		`ada@example.com valid-after="20270101",valid-before="20260101" ` + aKey: "valid-before is before valid-after",
	} {
		_, err := parseAllowedSigners([]byte("# who may deploy\n" + line + "\n"))
		if err == nil || !strings.HasPrefix(err.Error(), "2: ") || !strings.Contains(err.Error(), words) {
			t.Errorf("%s\n got %v\nwant 2: …%s…", line, err, words)
		}
	}
}

// Weak keys and certificates, made by the real ssh-keygen.
func TestAllowedSigners_RefusesKeysThatCanBeBrokenAndCertificates(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	ada, ca := b.sshKey("ada", "-t", "ed25519"), b.sshKey("ca", "-t", "ed25519")
	b.run("", "ssh-keygen", "-q", "-s", ca, "-I", "ada", "-n", "ada@example.com", ada+".pub")
	for key, words := range map[string]string{
		b.sshKey("short", "-t", "rsa", "-b", "1024"): "an RSA key of 1024 bits is not safe",
		b.sshKey("dsa", "-t", "dsa"):                 "DSA keys are not safe",
		ada + "-cert":                                "this is a certificate",
	} {
		if _, err := parseAllowedSigners([]byte("ada@example.com " + b.public(key))); err == nil || !strings.Contains(err.Error(), words) {
			t.Errorf("got %v, want %s", err, words)
		}
	}
	b.withSSH(ada + "-cert.pub")
	raw := b.raw(b.commit("-S"))
	if got := why(t, read(t, Files{SSHAllowedSigners: b.file("allowed_signers", "ada@example.com "+b.public(ada)+"\n")}), raw); got != Unsupported {
		t.Errorf("signed with a certificate: got %q, want %q", got, Unsupported)
	}
}

// Which principals make a key count is git's own rule, and ssh-keygen is asked what
// it is: git finds the principals of the key and verifies as each of them.
func TestAllowedSigners_CountAsGitCountsThem(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	key := b.sshKey("ada", "-t", "ed25519")
	b.withSSH(key)
	raw := b.raw(b.commit("-S"))
	for principals, want := range map[string]Why{
		"eve@example.com":           "",
		"*":                         "",
		"*@example.com,a?a":         "",
		"!*,ada@example.com":        NotAllowed,
		"!eve@example.com":          NotAllowed,
		"!eve,ada":                  "",
		"!ada,ada":                  NotAllowed,
		"ada namespaces=\"g*\"":     "",
		"ada namespaces=\"!git,*\"": NotAllowed,
		"ada namespaces=\"GIT\"":    NotAllowed,
	} {
		file := b.file("allowed_signers", principals+" "+b.public(key)+"\n")
		if got := why(t, read(t, Files{SSHAllowedSigners: file}), raw); got != want {
			t.Errorf("%s: got %q, want %q", principals, got, want)
		}
		if got := b.gitTakes(raw, "-c", "gpg.ssh.allowedSignersFile="+file); got != (want == "") {
			t.Errorf("%s: git itself says %v", principals, got)
		}
	}
}

func TestRead_RefusesAFileThatOthersMayWrite(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "allowed_signers")
	if err := os.WriteFile(path, []byte("ada@example.com "+aKey+"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	files := Files{SSHAllowedSigners: path}
	if _, err := files.Read(); err != nil {
		t.Fatal(err)
	}
	for _, mode := range []os.FileMode{0o664, 0o646} {
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		if _, err := files.Read(); err == nil || !strings.Contains(err.Error(), "others may write") {
			t.Errorf("mode %o: %v", mode, err)
		}
	}
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	if os.Geteuid() == 0 { // else nobody can give a file away
		if err := os.Chown(path, 65534, 65534); err != nil {
			t.Fatal(err)
		}
		if _, err := files.Read(); err == nil || !strings.Contains(err.Error(), "belongs to user 65534") {
			t.Errorf("somebody else's file: %v", err)
		}
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if _, err := files.Read(); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
}

func FuzzAllowedSigners(f *testing.F) {
	f.Add("ada@example.com " + aKey + "\n")
	f.Add("# x\n\"a b\" namespaces=\"git\",valid-before=\"20260101Z\" " + otherKey + " comment")
	f.Add(`a cert-authority,namespaces="\"" ` + aKey)
	memory := fuzzline.Line{Base: 8 << 20, PerKiB: 1 << 20}
	f.Fuzz(func(t *testing.T, text string) {
		var signers []signer
		var err error
		memory.Hold(t, len(text), func() { signers, err = parseAllowedSigners([]byte(text)) })
		if err != nil {
			if number, _, found := strings.Cut(err.Error(), ": "); !found || strings.Trim(number, "0123456789") != "" {
				t.Errorf("no line is named: %v", err)
			}
			return
		}
		lines := strings.Split(text, "\n")
		for _, s := range signers {
			line := lines[s.line-1]
			if s.key == nil || s.principals == "" || strings.HasPrefix(strings.TrimLeft(line, " \t"), "#") {
				t.Errorf("%+v out of %q", s, line)
			}
			// A restriction that stands on the line must not get lost.
			options, _, _ := strings.Cut(line, s.key.Type()+" ")
			for word, lost := range map[string]bool{`namespaces="`: s.namespaces == "", `valid-after="`: s.after.IsZero(), `valid-before="`: s.before.IsZero()} {
				if _, rest := cutField(strings.TrimLeft(options, " \t")); lost && strings.HasPrefix(rest, word) {
					t.Errorf("%s is lost in %q", word, line)
				}
			}
		}
	})
}

func FuzzMatchList(f *testing.F) {
	f.Add("git", "!file,g*")
	f.Add("aaaaaaaaaaaaaaaaaaaaaaaa", "*a*a*a*a*a*a*b")
	memory := fuzzline.Line{Base: 4 << 20, PerKiB: 256 << 10}
	f.Fuzz(func(t *testing.T, s, list string) {
		memory.Hold(t, len(s)+len(list), func() {
			if matchList(s, list) && (matchList(s, list+",!*") || !matchList(s, list+",*")) {
				t.Errorf("%q, %q: a pattern that turns all down is not heard", s, list)
			}
		})
	})
}
