package compose

import (
	"strings"
	"testing"
)

func TestTail_KeepsTheEnd(t *testing.T) {
	out := &tail{max: 5, hide: strings.Clone}
	for _, part := range []string{"one ", "two ", "three\n"} {
		if n, err := out.Write([]byte(part)); n != len(part) || err != nil {
			t.Errorf("write %q: %d, %v", part, n, err)
		}
	}
	if got := out.String(); got != "three" {
		t.Errorf("kept %q, want %q", got, "three")
	}
}
