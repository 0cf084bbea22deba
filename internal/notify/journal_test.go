package notify

import (
	"path/filepath"
	"testing"
	"time"
)

// A clock that was ahead and is set back leaves times in the journal that are still
// to come. What waits for them would be told hours late.
func TestReadJournal_WaitsForNoTimeThatAClockAheadNoted(t *testing.T) {
	path := filepath.Join(t.TempDir(), "notify.json")
	ahead := time.Now().Add(68 * time.Hour)
	var j journal
	a := j.Tracker.app("shop")
	a.Reported = map[string]time.Time{"key": ahead}
	a.Trouble = &trouble{Key: "key", Since: ahead, Well: ahead}
	j.Outbox.Letters = []letter{{After: ahead}}
	data, err := j.encode()
	if err != nil {
		t.Fatal(err)
	}
	if err := writeJournal(path, data); err != nil {
		t.Fatal(err)
	}
	got, err := readJournal(path)
	if err != nil {
		t.Fatal(err)
	}
	b := got.Tracker.Apps["shop"]
	for what, at := range map[string]time.Time{"told": b.Reported["key"], "since": b.Trouble.Since, "well": b.Trouble.Well, "after": got.Outbox.Letters[0].After} {
		if at.After(time.Now()) {
			t.Errorf("%s is still %s", what, at)
		}
	}
}
