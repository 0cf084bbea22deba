package agent

import (
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestReadClock_SaysWhenTheMachineWasStarted(t *testing.T) {
	c := readClock()
	if c.Boot == "" || c.Boot != readClock().Boot {
		t.Errorf("boot %q, then %q: want one that has a name and keeps it", c.Boot, readClock().Boot)
	}
	var kernel unix.Sysinfo_t
	if err := unix.Sysinfo(&kernel); err != nil {
		t.Fatal(err)
	}
	// The kernel counts whole seconds here.
	want := time.Now().Add(-time.Duration(kernel.Uptime) * time.Second)
	if d := c.Started.Sub(want).Abs(); d > 3*time.Second {
		t.Errorf("started %s, want about %s as the kernel says", c.Started, want.UTC())
	}
}
