package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tandem/internal/harness/stage"
	"tandem/reconciler/deploy"
)

// A directory is copied, to keep how the shop looked last year. The copy sorts first,
// and has the old tag.
func TestCopy_OfAnAppTakesNothingFromIt(t *testing.T) {
	t.Parallel()
	w := deployed(t, stage.Options{})
	w.build("1.1.0")
	own, copied := w.App+"/tandem.yaml", "archive/"+w.App+"-2025/tandem.yaml"
	if err := os.CopyFS(filepath.Join(w.Work, filepath.Dir(copied)), os.DirFS(filepath.Join(w.Work, w.App))); err != nil {
		t.Fatal(err)
	}
	// One commit with the copy and a bump of the shop, which is deployed all the same.
	commit := w.push(stage.Desired{Tag: "1.1.0"})
	told := func() {
		t.Helper()
		w.answers("1.1.0 is live, and the status names both files", func(s deploy.Status) bool {
			return isLive(s, commit, "1.1.0", deploy.Green) == nil && strings.Contains(s.Message, copied) && strings.Contains(s.Message, own)
		})
		if tag := w.tag(); tag != "1.1.0" {
			t.Errorf("people get %s", tag)
		}
	}
	told()

	t.Log("and so it is after a restart, and after one without a memory")
	w.stop()
	w.start()
	told()
	w.stop()
	if err := os.RemoveAll(w.Config().State); err != nil {
		t.Fatal(err)
	}
	before := w.stack(deploy.Green)
	w.start()
	told()
	w.neverRestarted(deploy.Green, before)
}
