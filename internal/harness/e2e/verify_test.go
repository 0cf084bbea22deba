package e2e

import (
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"tandem/internal/config"
	"tandem/internal/harness/stage"
	"tandem/reconciler/deploy"
)

// Whoever may push may not deploy: a bump that nobody signed changes nothing, not
// even in an agent that is started after it, until somebody signs one.
func TestVerify_AnUnsignedBumpChangesNothingUntilASignedOneComes(t *testing.T) {
	t.Parallel()
	w := newStage(t, stage.Options{})
	key, signers := filepath.Join(w.Dir, "ada"), filepath.Join(w.Dir, "allowed_signers")
	if out, err := exec.Command("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key).CombinedOutput(); err != nil {
		t.Fatalf("ssh-keygen: %v\n%s", err, out)
	}
	public, err := os.ReadFile(key + ".pub")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(signers, append([]byte("ada@example.com "), public...), 0o644); err != nil {
		t.Fatal(err)
	}
	w.configure(func(c *config.Config) { c.Repo.Verify.SSHAllowedSigners = signers })
	w.git("config", "gpg.format", "ssh")
	w.git("config", "user.signingkey", key)
	sign := func(yes bool) { w.git("config", "commit.gpgsign", fmt.Sprint(yes)) }

	box := newMailbox(t, http.StatusOK)
	w.tells(box)

	sign(true)
	w.start()
	w.build("1.1.0")
	w.deployed()
	good := w.git("rev-parse", "HEAD")
	traffic, before := w.traffic(), w.stack(deploy.Blue)

	sign(false)
	bad := w.push(stage.Desired{Tag: "1.1.0", Color: "green"})
	unverified := func(s deploy.Status) bool {
		return s.Phase == deploy.PhaseDegraded && s.Reason == deploy.Unverified && strings.Contains(s.Message, bad[:8]+" by Ada") &&
			s.Desired.Commit == good && s.Live != nil && s.Live.Tag == "1.0.0" && s.Live.Color == deploy.Blue
	}
	w.answers("Unverified", unverified)
	w.until("Unverified, published", func(s deploy.Status) error {
		if !unverified(s) {
			return fmt.Errorf("%s (%s)", s.Phase, s.Reason)
		}
		return nil
	})
	w.arrives(box, "degraded (Unverified)")
	w.stop()
	w.start()
	w.answers("Unverified after a restart", unverified)
	if got := w.tag(); got != "1.0.0" {
		t.Errorf("nginx answers with %q, want 1.0.0", got)
	}
	w.neverRestarted(deploy.Blue, before)

	sign(true)
	w.live(w.push(stage.Desired{Tag: "1.1.0", Color: "green", More: quick + "# signed\n"}), "1.1.0", deploy.Green)
	w.unharmed(traffic)
}
