package verify

import (
	"bytes"
	"strings"
	"testing"

	"tandem/internal/harness/testbed/fuzzline"
)

const (
	unsignedCommit = "tree 4b825dc642cb6eb9a060e54bf8d69288fbee4904\nparent 1111111111111111111111111111111111111111\n" +
		"author Ada <ada@example.com> 1700000000 +0100\ncommitter Bob <bob@example.com> 1700000001 +0000\n"
	signature = "gpgsig -----BEGIN SSH SIGNATURE-----\n U1NIU0lH\n \n -----END SSH SIGNATURE-----\n"
	message   = "\nDeploy\n\ngpgsig is a word here\n"
)

func TestSplit_TakesOutTheSignatureAndNothingElse(t *testing.T) {
	t.Parallel()
	mergetag := "mergetag object 2222222222222222222222222222222222222222\n type commit\n -----BEGIN PGP SIGNATURE-----\n"
	for _, rest := range []string{"", "encoding ISO-8859-1\n", mergetag, "x-unknown what\n a later git may write\n"} {
		c, err := Split([]byte(unsignedCommit + rest + signature + message))
		if err != nil {
			t.Errorf("%q: %v", rest, err)
			continue
		}
		if got, want := string(c.Signed), unsignedCommit+rest+message; got != want {
			t.Errorf("signed\n%q, want\n%q", got, want)
		}
		if got, want := string(c.Signature), "-----BEGIN SSH SIGNATURE-----\nU1NIU0lH\n\n-----END SSH SIGNATURE-----\n"; got != want {
			t.Errorf("signature %q, want %q", got, want)
		}
		if c.Tree != emptyTree || len(c.Parents) != 1 || c.Committed.Unix() != 1700000001 {
			t.Errorf("got %+v", c)
		}
	}
}

// What two readers could read in two ways is refused.
func TestSplit_RefusesWhatCanBeReadInTwoWays(t *testing.T) {
	t.Parallel()
	tree, rest, _ := strings.Cut(unsignedCommit, "\n")
	for name, raw := range map[string]string{
		"two signatures":             unsignedCommit + signature + signature + message,
		"a signature over SHA-256":   unsignedCommit + signature + strings.Replace(signature, "gpgsig", "gpgsig-sha256", 1) + message,
		"a signature of a new kind":  unsignedCommit + strings.Replace(signature, "gpgsig", "gpgsigx", 1) + message,
		"a signature before":         tree + "\n" + signature + rest + message,
		"two trees":                  tree + "\n" + unsignedCommit + message,
		"a tree after the signature": unsignedCommit + signature + tree + "\n" + message,
		"a late parent":              unsignedCommit + "parent 1111111111111111111111111111111111111111\n" + message,
		"a tree that goes on":        tree + "\n more\n" + rest + message,
		"two committers":             unsignedCommit + "committer Eve <eve@example.com> 1 +0000\n" + message,
		"no committer":               tree + "\nauthor Ada <ada@example.com> 1 +0000\n" + message,
		"no time":                    strings.Replace(unsignedCommit, "1700000001", "soon", 1) + message,
		"a NUL":                      strings.Replace(unsignedCommit, "Bob", "Bo\x00b", 1) + message,
		"no end of the headers":      unsignedCommit,
		"a blank first":              " " + unsignedCommit + message,
		"a tree that is no hash":     strings.Replace(unsignedCommit, "4b825dc6", "4B825DC6", 1) + message,
		"nothing":                    "",
	} {
		if c, err := Split([]byte(raw)); err == nil {
			t.Errorf("%s: got %+v, want a refusal", name, c)
		}
	}
}

func TestVerify_RefusesSignaturesThatItDoesNotCheck(t *testing.T) {
	t.Parallel()
	keys := &Keys{ssh: []signer{{}}}
	for _, header := range []string{"-----BEGIN SIGNED MESSAGE-----\n MIIE\n -----END SIGNED MESSAGE-----", "-----BEGIN PGP MESSAGE-----\n x", "hello", ""} {
		if got := why(t, keys, []byte(unsignedCommit+"gpgsig "+header+"\n"+message)); got != Unsupported {
			t.Errorf("%q: got %q, want %q", header, got, Unsupported)
		}
	}
}

func FuzzSplit(f *testing.F) {
	f.Add([]byte(unsignedCommit + message))
	f.Add([]byte(unsignedCommit + signature + message))
	f.Add([]byte(unsignedCommit + "mergetag x\n y\n" + signature + message))
	line := fuzzline.Line{Base: 4 << 20, PerKiB: 256 << 10}
	f.Fuzz(func(t *testing.T, raw []byte) {
		var c Commit
		var err error
		line.Hold(t, len(raw), func() { c, err = Split(raw) })
		if err != nil {
			return
		}
		again, err := Split(c.Signed)
		if err != nil || again.Signature != nil || !bytes.Equal(again.Signed, c.Signed) || again.Tree != c.Tree || len(again.Parents) != len(c.Parents) || !again.Committed.Equal(c.Committed) {
			t.Errorf("what was signed says otherwise: %v", err)
		}
		if c.Signature == nil && !bytes.Equal(raw, c.Signed) {
			t.Error("something was taken out that is no signature")
		}
		if len(c.Signed)+len(c.Signature) > len(raw) {
			t.Error("something was added")
		}
	})
}
