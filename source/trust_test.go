package source

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"tandem/internal/lib/verify"
	"tandem/reconciler/deploy"
)

// trustees are keys, and the file that lists those that may deploy.
type trustees struct {
	dir     string
	signers string
	record  string
}

func newTrustees(t *testing.T) *trustees {
	t.Helper()
	dir := t.TempDir()
	k := &trustees{dir: dir, signers: filepath.Join(dir, "allowed_signers"), record: filepath.Join(dir, "state", "verified.json")}
	for _, name := range []string{"ada", "eve"} {
		if out, err := exec.Command("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", filepath.Join(dir, name)).CombinedOutput(); err != nil {
			t.Fatalf("ssh-keygen: %v\n%s", err, out)
		}
	}
	k.list(t, "ada")
	return k
}

// list makes these the keys that may deploy.
func (k *trustees) list(t *testing.T, names ...string) {
	t.Helper()
	text := "# who may deploy\n"
	for _, name := range names {
		key, err := os.ReadFile(filepath.Join(k.dir, name+".pub"))
		if err != nil {
			t.Fatal(err)
		}
		text += name + "@example.com " + string(key)
	}
	if err := os.WriteFile(k.signers, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func (k *trustees) options(o *Options) {
	o.Verify, o.Record = verify.Files{SSHAllowedSigners: k.signers}, k.record
}

// sign makes the next commits of the checkout be signed with the key; "": not.
func (k *trustees) sign(t *testing.T, w *world, name string) {
	t.Helper()
	w.ada.Git(t, "config", "commit.gpgsign", "false")
	if name != "" {
		w.ada.Git(t, "config", "commit.gpgsign", "true")
		w.ada.Git(t, "config", "gpg.format", "ssh")
		w.ada.Git(t, "config", "user.signingkey", filepath.Join(k.dir, name))
	}
}

// again is the agent after a restart.
func (w *world) again(t *testing.T) {
	t.Helper()
	w.repo = open(t, w.repo.options)
}

func app(tag string) map[string]string {
	return map[string]string{"shop/tandem.yaml": "tag: " + tag + "\n"}
}

// inForce fails the test unless the commit is in force and, where words are given,
// a newer one is withheld for them.
func (w *world) inForce(t *testing.T, when, commit string, words ...string) {
	t.Helper()
	rev := w.poll(t)
	if rev.Commit.Hash != commit {
		t.Errorf("%s: commit %s is in force, want %s", when, rev.Commit.Hash, commit)
	}
	if len(words) == 0 {
		if rev.Withheld != nil {
			t.Errorf("%s: withheld: %v", when, rev.Withheld)
		}
		return
	}
	says(t, when, rev.Withheld, words...)
}

// says fails the test unless the error is Unverified, for a person to understand.
func says(t *testing.T, when string, err error, words ...string) {
	t.Helper()
	if err == nil || deploy.ReasonOf(err) != deploy.Unverified {
		t.Errorf("%s: the error is %v, want one that is Unverified", when, err)
		return
	}
	for _, w := range words {
		if !strings.Contains(err.Error(), w) {
			t.Errorf("%s: %q is missing in: %v", when, w, err)
		}
	}
}

func TestPoll_AnUnsignedCommitChangesNothing(t *testing.T) {
	t.Parallel()
	ways(t, func(t *testing.T, open func(*testing.T, func(*Options)) *world) {
		k := newTrustees(t)
		w := open(t, k.options)
		k.sign(t, w, "ada")
		good := w.push(t, "Deploy 1", app("1"))
		w.inForce(t, "signed", good)

		k.sign(t, w, "")
		bad := w.push(t, "Deploy 2", app("2"))
		words := []string{bad[:8] + " by Ada", "is not signed", good[:8] + " stays in force", "signed by a listed key"}
		w.inForce(t, "unsigned on top", good, words...)
		w.inForce(t, "asked again", good, words...)
		if data := string(file(t, w.poll(t), "shop").Data); data != "tag: 1\n" {
			t.Errorf("the app's file is %q", data)
		}
		w.again(t)
		w.inForce(t, "after a restart", good, words...)
		if err := os.RemoveAll(w.dir); err != nil {
			t.Fatal(err)
		}
		w.again(t)
		w.inForce(t, "after a restart without the cache", good, words...)
		dest := filepath.Join(t.TempDir(), "shop")
		if err := w.repo.Export(within(t), good, "shop", dest); err != nil {
			t.Errorf("the commit in force cannot be exported: %v", err)
		}

		k.sign(t, w, "ada")
		w.inForce(t, "signed on top", w.push(t, "Deploy 3", app("3")))
	})
}

// What is not signed as it has to be is withheld, whatever else it claims.
func TestPoll_WithholdsWhatIsNotSignedAsItHasToBe(t *testing.T) {
	t.Parallel()
	k := newTrustees(t)
	w := openLocal(t, k.options)
	k.sign(t, w, "ada")
	good := w.push(t, "Deploy 1", app("1"))
	w.inForce(t, "signed", good)

	k.sign(t, w, "eve")
	w.push(t, "Deploy 2", app("2"))
	w.inForce(t, "another's key", good, "does not list", "or list this key")

	w.ada.Git(t, "reset", "-q", "--hard", good)
	k.sign(t, w, "ada")
	w.ada.Commit(t, "Deploy 3", app("3"))
	forged := strings.Replace(w.ada.Git(t, "cat-file", "commit", "HEAD"), w.ada.Git(t, "rev-parse", "HEAD^{tree}"), w.ada.Git(t, "rev-parse", good+"^{tree}"), 1)
	if err := os.WriteFile(filepath.Join(k.dir, "forged"), []byte(forged+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	w.ada.Git(t, "reset", "-q", "--hard", w.ada.Git(t, "hash-object", "-t", "commit", "-w", filepath.Join(k.dir, "forged")))
	w.ada.ForcePush(t)
	w.inForce(t, "another tree under her signature", good, "does not fit its content")

	w.ada.Git(t, "reset", "-q", "--hard", good)
	k.sign(t, w, "")
	w.ada.Write(t, app("4"))
	w.ada.Git(t, "commit", "-q", "-a", "--author", "tandem <tandem@vps-1>", "-m", "shop: Live (UpToDate)")
	w.ada.ForcePush(t)
	w.inForce(t, "the agent's name", good, "by tandem changes nothing", "is not signed")

	t.Log("a merge of signed commits is itself to be signed")
	w.ada.Git(t, "reset", "-q", "--hard", good)
	k.sign(t, w, "ada")
	w.ada.Git(t, "checkout", "-q", "-b", "feature")
	w.ada.Commit(t, "Deploy 5", app("5"))
	w.ada.Git(t, "checkout", "-q", "main")
	w.ada.Git(t, "merge", "-q", "--no-ff", "--no-gpg-sign", "-m", "Merge", "feature")
	w.ada.ForcePush(t)
	w.inForce(t, "unsigned merge", good, "is not signed")
	w.ada.Git(t, "commit", "-q", "--amend", "--no-edit", "-S")
	w.ada.ForcePush(t)
	w.inForce(t, "signed merge", w.ada.Head(t))
}

func TestPoll_WithoutAnyVerifiedCommitThereIsNothingToDeploy(t *testing.T) {
	t.Parallel()
	k := newTrustees(t)
	w := openLocal(t, k.options)
	bad := w.push(t, "Deploy 1", app("1"))
	_, err := w.repo.Poll(within(t))
	says(t, "unsigned", err, bad[:8]+" by Ada", "is not signed", "so nothing is deployed")
	k.sign(t, w, "ada")
	w.inForce(t, "signed on top", w.push(t, "Deploy 2", app("2")))
}

// The keys are those of the moment: no restart is needed.
func TestPoll_KeysAreListedAndWithdrawnWithoutARestart(t *testing.T) {
	t.Parallel()
	k := newTrustees(t)
	w := openLocal(t, k.options)
	k.sign(t, w, "ada")
	first := w.push(t, "Deploy 1", app("1"))
	w.inForce(t, "signed", first)
	k.sign(t, w, "eve")
	second := w.push(t, "Deploy 2", app("2"))
	w.inForce(t, "a key that is not listed", first, "does not list")
	k.list(t, "ada", "eve")
	w.inForce(t, "a key that is listed now", second)
	k.list(t, "ada")
	w.inForce(t, "what was verified stays so when its key is withdrawn", second)
	w.push(t, "Deploy 3", app("3"))
	w.inForce(t, "a key that was withdrawn", second, "does not list")

	k.sign(t, w, "ada")
	last := w.push(t, "Deploy 4", app("4"))
	if err := os.Chmod(k.signers, 0o666); err != nil {
		t.Fatal(err)
	}
	w.inForce(t, "a file that others may write", second, "cannot be checked", "others may write")
	if err := os.Rename(k.signers, k.signers+".away"); err != nil {
		t.Fatal(err)
	}
	w.inForce(t, "a file that is gone", second, "cannot be checked", "no such file")
	k.list(t, "ada")
	if err := os.Chmod(k.signers, 0o644); err != nil {
		t.Fatal(err)
	}
	w.inForce(t, "a file that is back", last)
}

func TestNew_RefusesKeysThatCannotBeRead(t *testing.T) {
	t.Parallel()
	_, err := New(Options{URL: t.TempDir(), Verify: verify.Files{SSHAllowedSigners: filepath.Join(t.TempDir(), "missing")}, Record: "x"})
	if err == nil || !strings.Contains(err.Error(), "read who may sign") {
		t.Errorf("got %v", err)
	}
}

// The agent's own commits are not signed. They count when this agent remembers that
// it made them, and when what they were made on counts.
func TestPoll_TheAgentsOwnCommitsCountAsWhatTheyAreMadeOn(t *testing.T) {
	t.Parallel()
	ways(t, func(t *testing.T, open func(*testing.T, func(*Options)) *world) {
		k := newTrustees(t)
		w := open(t, func(o *Options) {
			k.options(o)
			o.StatusBranch = "main"
		})
		publish := func(content string) string {
			t.Helper()
			if err := w.repo.Publish(within(t), "shop: Live", map[string][]byte{"status/shop.yaml": []byte(content)}); err != nil {
				t.Fatal(err)
			}
			return w.bare.Head(t, "main")
		}
		k.sign(t, w, "ada")
		good := w.push(t, "Deploy 1", app("1"))
		w.inForce(t, "own, on a commit that was not looked at yet", publish("1"))
		last := publish("2")
		w.again(t)
		w.inForce(t, "own, on own, after a restart", last)

		w.ada.Pull(t)
		bump := w.push(t, "Deploy 2", app("2"))
		w.inForce(t, "signed", bump)
		if err := w.repo.Revert(within(t), "shop", bump, good, "Revert shop to 1"); err != nil {
			t.Fatal(err)
		}
		last = w.bare.Head(t, "main")
		w.inForce(t, "the agent's revert", last)

		k.sign(t, w, "")
		w.ada.Pull(t)
		bad := w.push(t, "Deploy 3", app("3"))
		w.inForce(t, "unsigned", last, bad[:8], "is not signed")
		publish("3")
		w.inForce(t, "own, on an unsigned one", last, bad[:8], "is not signed")
		if err := os.Remove(k.record); err != nil {
			t.Fatal(err)
		}
		w.again(t)
		_, err := w.repo.Poll(within(t))
		says(t, "own, but forgotten", err, "is not signed", "so nothing is deployed")
	})
}

func TestPeek_RemembersNothing(t *testing.T) {
	t.Parallel()
	k := newTrustees(t)
	w := openLocal(t, k.options)
	k.sign(t, w, "ada")
	good := w.push(t, "Deploy 1", app("1"))
	rev, err := w.repo.Peek(within(t))
	if err != nil || rev.Commit.Hash != good {
		t.Fatalf("got %s, %v", rev.Commit.Hash, err)
	}
	if _, err := os.Stat(k.record); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a record was written (%v)", err)
	}
}

// Else a commit of long ago would be in force once commits are verified again.
func TestPoll_WithoutVerificationTheRecordIsForgotten(t *testing.T) {
	t.Parallel()
	k := newTrustees(t)
	w := openLocal(t, k.options)
	k.sign(t, w, "ada")
	w.inForce(t, "signed", w.push(t, "Deploy 1", app("1")))
	w.repo.options.Verify = verify.Files{}
	w.again(t)
	k.sign(t, w, "")
	w.inForce(t, "not asked for a signature", w.push(t, "Deploy 2", app("2")))
	k.options(&w.repo.options)
	w.again(t)
	_, err := w.repo.Poll(within(t))
	says(t, "asked for one again", err, "so nothing is deployed")
}

// A commit in force that is nowhere any more is not replaced by another one.
func TestPoll_ACommitInForceThatIsLostLeavesWhatIsLive(t *testing.T) {
	t.Parallel()
	k := newTrustees(t)
	w := openLocal(t, k.options)
	k.sign(t, w, "ada")
	good := w.push(t, "Deploy 1", app("1"))
	w.inForce(t, "signed", good)
	k.sign(t, w, "")
	w.ada.Git(t, "checkout", "-q", "--orphan", "new")
	w.ada.Commit(t, "Deploy 2", app("2"))
	w.ada.Git(t, "branch", "-q", "-M", "new", "main")
	w.ada.ForcePush(t)
	w.bare.Git(t, "reflog", "expire", "--expire=now", "--all")
	w.bare.Git(t, "gc", "-q", "--prune=now")
	w.inForce(t, "while it is known", good, "is not signed")
	w.again(t)
	_, err := w.repo.Poll(within(t))
	says(t, "after a restart", err, good[:8], "is in the repository no more", "left as it is")
}

func TestRecord_AFileThatMakesNoSenseIsPutAside(t *testing.T) {
	t.Parallel()
	k := newTrustees(t)
	w := openLocal(t, k.options)
	k.sign(t, w, "ada")
	good := w.push(t, "Deploy 1", app("1"))
	w.inForce(t, "signed", good)
	if err := os.WriteFile(k.record, []byte(`{"in_force": `), 0o600); err != nil {
		t.Fatal(err)
	}
	w.again(t)
	if _, err := w.repo.Peek(within(t)); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(k.record + ".bad"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("who only looks put it aside: %v", err)
	}
	w.again(t)
	w.inForce(t, "signed, with a damaged record", good)
	if _, err := os.Stat(k.record + ".bad"); err != nil {
		t.Error(err)
	}
}
