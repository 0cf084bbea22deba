package deploy

import (
	"fmt"
	"testing"
)

func TestRecordTag_KeepsAsManyAsCanBeReturnedTo(t *testing.T) {
	var m Memory
	for i := range HistoryLimit + 1 {
		m.RecordTag(fmt.Sprint("tree", i), fmt.Sprint("tag", i))
	}
	m.RecordTag("tree5", "again")
	if first, last := m.TagOf("tree0"), m.TagOf("tree5"); first != "" || last != "again" || len(m.TreeTags) != HistoryLimit {
		t.Errorf("of %d the first is %q, and the last %q", len(m.TreeTags), first, last)
	}
}
