package verify

import (
	"bytes"
	"path/filepath"
	"strings"
	"testing"
)

// emptyTree is a tree that every repository can hold.
const emptyTree = "4b825dc642cb6eb9a060e54bf8d69288fbee4904"

// otherTree is the commit with another tree, as somebody makes it who wants the
// signature to be good for their own content.
func otherTree(raw []byte) []byte {
	end := bytes.IndexByte(raw, '\n')
	return append([]byte("tree 1111111111111111111111111111111111111111"), raw[end:]...)
}

// The matrix of ssh signatures. In each case but those that differ, git itself,
// asked with the same file, gives the same answer.
func TestVerify_SSHSignatureMatrix(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	ada, eve := b.sshKey("ada", "-t", "ed25519"), b.sshKey("eve", "-t", "ed25519")
	rsa, ecdsa := b.sshKey("rsa", "-t", "rsa", "-b", "2048"), b.sshKey("ecdsa", "-t", "ecdsa")
	const past, future = "2020-06-01T12:00:00Z", "2098-06-01T12:00:00Z"
	signed := func(key, date string, args ...string) string {
		t.Helper()
		b.withSSH(key)
		if date != "" {
			t.Helper()
			return b.commitAt(date, append(args, "-S")...)
		}
		return b.commit(append(args, "-S")...)
	}
	plain := b.commit()
	byAda := signed(ada, "")
	backdated := signed(ada, past)
	// Each merges a commit of its own: without another message, two that were made
	// in the same second would be the same commit, and the second merge nothing.
	merge := func(how string) string {
		b.git("checkout", "-q", "-B", "feature", plain)
		b.withSSH(ada)
		b.commit("-S", "-m", "To be merged with "+how)
		b.git("checkout", "-q", "main")
		b.git("merge", "-q", "--no-ff", "-m", "Merge", how, "feature")
		return b.git("rev-parse", "HEAD")
	}
	line := func(options, key string) string {
		return strings.Join(strings.Fields("ada@example.com "+options+" "+b.public(key)), " ") + "\n"
	}
	cases := []struct {
		name    string
		raw     []byte
		signers string
		want    Why
		differs bool // git, asked the same, says the opposite
	}{
		{"signed by a listed key", b.raw(byAda), line("", ada), "", false},
		{"signed by a listed RSA key", b.raw(signed(rsa, "")), line("", rsa), "", false},
		{"signed by a listed ECDSA key", b.raw(signed(ecdsa, "")), line("", ecdsa), "", false},
		{"unsigned", b.raw(plain), line("", ada), Unsigned, false},
		{"wrong key", b.raw(signed(eve, "")), line("", ada), UnknownKey, false},
		{"withdrawn: its line was removed", b.raw(byAda), "# was: " + line("", ada) + line("", eve), UnknownKey, false},
		{"tampered: another tree under the same signature", otherTree(b.raw(byAda)), line("", ada), Tampered, false},
		{"expired", b.raw(byAda), line(`valid-before="20200101Z"`, ada), Expired, false},
		{"expires later", b.raw(byAda), line(`valid-before="29990101Z"`, ada), "", false},
		{"not valid yet", b.raw(byAda), line(`valid-after="29990101Z"`, ada), Expired, false},
		{"made before the key was valid", b.raw(backdated), line(`valid-after="20210101Z"`, ada), Expired, false},
		{"backdated by a thief of an expired key: git would take it", b.raw(backdated), line(`valid-before="20210101Z"`, ada), Expired, true},
		{"dated after the key expires", b.raw(signed(ada, future)), line(`valid-before="20970101Z"`, ada), Expired, false},
		{"key for files only", b.raw(byAda), line(`namespaces="file"`, ada), NotAllowed, false},
		{"key for git among others", b.raw(byAda), line(`namespaces="file,git"`, ada), "", false},
		{"the second line for the same key allows it", b.raw(byAda), line(`namespaces="file"`, ada) + line("", ada), "", false},
		{"merge that is signed", b.raw(merge("-S")), line("", ada), "", false},
		{"merge that is not signed, of signed commits", b.raw(merge("--no-gpg-sign")), line("", ada), Unsigned, false},
		{"another's name, no signature", b.raw(b.commit("--author", "tandem <tandem@vps-1>")), line("", ada), Unsigned, false},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			file := b.file("allowed_signers", c.signers)
			if got := why(t, read(t, Files{SSHAllowedSigners: file}), c.raw); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
			if got := b.gitTakes(c.raw, "-c", "gpg.ssh.allowedSignersFile="+file); got != ((c.want == "") != c.differs) {
				t.Errorf("git itself says %v", got)
			}
		})
	}
}

// commitAt makes a commit whose committer says another time.
func (b *bed) commitAt(date string, args ...string) string {
	b.t.Helper()
	b.run("", "env", append([]string{"GIT_COMMITTER_DATE=" + date, "git", "commit", "-q", "--allow-empty", "-m", "Deploy"}, args...)...)
	return b.git("rev-parse", "HEAD")
}

// gitTakes tells whether git itself takes the commit for signed.
func (b *bed) gitTakes(raw []byte, options ...string) bool {
	b.t.Helper()
	hash := strings.TrimSpace(b.run(string(raw), "git", "hash-object", "-t", "commit", "-w", "--stdin", "--literally"))
	_, err := b.try("", "git", append(options, "verify-commit", hash)...)
	return err == nil
}

// The matrix of PGP signatures.
func TestVerify_PGPSignatureMatrix(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	then := []string{"--faked-system-time", "20200101T000000"}
	ada, rsa, eve := b.pgpKey("Ada", "ed25519", "0"), b.pgpKey("Rosa", "rsa2048", "0"), b.pgpKey("Eve", "ed25519", "0")
	old, gone, lost := b.pgpKey("Olga", "ed25519", "1y", then...), b.pgpKey("Gina", "ed25519", "0"), b.pgpKey("Lola", "ed25519", "0")
	b.run("", "gpg", "--batch", "--passphrase", "", "--quick-add-key", lost, "ed25519", "sign", "0")
	signed := func(key string, options ...string) []byte {
		t.Helper()
		b.withPGP(key, options...)
		return b.raw(b.commit("-S"))
	}
	byGina, byLola, byOlga := signed(gone), signed(lost), signed(old, then...)
	renewed := signed(ada)
	b.run(strings.ReplaceAll(b.run("", "cat", filepath.Join(b.home, "openpgp-revocs.d", gone+".rev")), ":-----BEGIN", "-----BEGIN"), "gpg", "--batch", "--import")
	b.run("key 1\nrevkey\ny\n0\n\ny\nsave\n", "gpg", "--batch", "--no-tty", "--passphrase", "", "--command-fd", "0", "--edit-key", lost)
	all := []string{ada, rsa, old, gone, lost}
	cases := []struct {
		name string
		raw  []byte
		want Why
	}{
		{"signed by a listed ed25519 key", signed(ada), ""},
		{"signed by a listed RSA key", signed(rsa), ""},
		{"signed before, by a key that is still good", renewed, ""},
		{"wrong key", signed(eve), UnknownKey},
		{"tampered: another tree under the same signature", otherTree(signed(ada)), Tampered},
		{"expired key", byOlga, Expired},
		{"revoked key", byGina, Revoked},
		{"revoked subkey", byLola, Revoked},
		{"over a hash that is broken", signed(rsa, "--digest-algo", "SHA1"), Unsupported},
		{"unsigned", b.raw(b.commit()), Unsigned},
	}
	armored := b.exported("keys.asc", append([]string{"--armor"}, all...)...)
	binary := b.exported("keys.gpg", all...)
	concatenated := ""
	for _, key := range all {
		concatenated += "a key:\n" + b.run("", "gpg", "--batch", "--export", "--armor", key)
	}
	rings := map[string]*Keys{
		"armored": read(t, Files{PGPKeyring: armored}), "binary": read(t, Files{PGPKeyring: binary}),
		"one block a key": read(t, Files{PGPKeyring: b.file("each.asc", concatenated)}),
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			for kind, keys := range rings {
				if got := why(t, keys, c.raw); got != c.want {
					t.Errorf("%s: got %q, want %q", kind, got, c.want)
				}
			}
		})
	}
}

// Either kind is good where both files are named, and neither stands in for the
// other.
func TestVerify_EachKindNeedsItsOwnFile(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	ssh, pgp := b.sshKey("ada", "-t", "ed25519"), b.pgpKey("Ada", "ed25519", "0")
	b.withSSH(ssh)
	bySSH := b.raw(b.commit("-S"))
	b.withPGP(pgp)
	byPGP := b.raw(b.commit("-S"))
	signers, ring := b.file("allowed_signers", "* "+b.public(ssh)+"\n"), b.exported("keys.gpg", pgp)
	for _, c := range []struct {
		name         string
		files        Files
		bySSH, byPGP Why
	}{
		{"both", Files{signers, ring}, "", ""},
		{"ssh", Files{SSHAllowedSigners: signers}, "", UnknownKey},
		{"pgp", Files{PGPKeyring: ring}, UnknownKey, ""},
	} {
		keys := read(t, c.files)
		if got := why(t, keys, bySSH); got != c.bySSH {
			t.Errorf("%s: signed with ssh: got %q, want %q", c.name, got, c.bySSH)
		}
		if got := why(t, keys, byPGP); got != c.byPGP {
			t.Errorf("%s: signed with PGP: got %q, want %q", c.name, got, c.byPGP)
		}
	}
}
