package notify

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"tandem/internal/harness/testbed/faultfs"
	"tandem/reconciler/deploy"
)

// TestFaults_NoWriteOfTheJournalLosesAMessage lets a full disk and a kill happen at each
// write of the journal, while there is trouble and an end of it, twice. After a kill a
// new agent finds the app as it is. People hear of all of it, in order; of what was on
// its way in the moment of a kill they may hear twice.
func TestFaults_NoWriteOfTheJournalLosesAMessage(t *testing.T) {
	faultfs.Each(t, 1, 6, func(t *testing.T, disk *faultfs.Disk) {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "urls"), []byte(anyone), 0o600); err != nil {
			t.Fatal(err)
		}
		disk.Roots = []string{dir}
		synctest.Test(t, func(t *testing.T) {
			p := newPhone()
			p.dead = disk.Dead
			live(t, dir, p, disk, deploy.PhaseDegraded, deploy.DockerAway)
			live(t, dir, p, disk, deploy.PhaseLive, deploy.UpToDate)
			live(t, dir, p, disk, deploy.PhaseDegraded, deploy.NginxAway)
			live(t, dir, p, disk, deploy.PhaseLive, deploy.UpToDate)
			wantTold(t, p.titles(anyone))
		})
	})
}

// live lets agents find the app so, one after the other, until one is not killed.
func live(t *testing.T, dir string, p *phone, disk *faultfs.Disk, phase deploy.Phase, reason deploy.Reason) {
	t.Helper()
	for range 3 {
		playIn(t, dir, p, func(d *desk) {
			d.status(phase, reason, "", "1.4.2")
			pass(2 * time.Minute)
		})
		if !disk.Dead() {
			return
		}
		disk.Revive()
	}
	t.Fatal("does not come to rest")
}

var howLong = regexp.MustCompile(` after \S+`)

func wantTold(t *testing.T, titles []string) {
	t.Helper()
	var got []string
	times := map[string]int{}
	for _, title := range titles {
		title = howLong.ReplaceAllString(title, "")
		times[title]++
		got = append(got, title)
	}
	want := []string{"shop: degraded (DockerAway)", "shop: well again (DockerAway)", "shop: degraded (NginxAway)", "shop: well again (NginxAway)"}
	if diff := cmp.Diff(want, slices.Compact(got)); diff != "" {
		t.Errorf("people were told (-want +got):\n%s", diff)
	}
	for title, n := range times {
		if n > 2 {
			t.Errorf("%q was told %d times", title, n)
		}
	}
}
