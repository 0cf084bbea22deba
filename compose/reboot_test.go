package compose

import (
	"testing"
	"time"
)

func TestSpans_OnlyARunThatTheHostWasRestartedUnderIsLost(t *testing.T) {
	boot := bootTime([]byte("cpu  1 2 3\nbtime 1700000000\nprocesses 9\n"))
	for name, c := range map[string]struct {
		started, finished time.Duration // from boot
		want              bool
	}{
		"it was running":          {-time.Hour, time.Minute, true},
		"it had ended before":     {-time.Hour, -time.Minute, false},
		"it was started after":    {time.Minute, time.Hour, false},
		"it began and ended then": {time.Second, 2 * time.Second, false},
	} {
		o := observed{finished: boot.Add(c.finished)}
		o.StartedAt = boot.Add(c.started)
		if got := spans(o, boot); got != c.want {
			t.Errorf("%s: got %t, want %t", name, got, c.want)
		}
		if spans(o, bootTime([]byte("nothing"))) {
			t.Errorf("%s: lost although nobody knows when the host was started", name)
		}
	}
}
