package agent

import (
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"tandem/reconciler"
)

// bootID names the present start of the machine: random(4).
const bootID = "/proc/sys/kernel/random/boot_id"

// readClock says which clock time.Now reads; the zero Clock where the kernel does not
// tell. CLOCK_BOOTTIME counts while the machine sleeps too, and nobody can set it:
// clock_gettime(2).
func readClock() reconciler.Clock {
	boot, err := os.ReadFile(bootID)
	if err != nil {
		return reconciler.Clock{}
	}
	var up unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &up); err != nil {
		return reconciler.Clock{}
	}
	started := time.Now().Add(-time.Duration(up.Nano())).UTC()
	return reconciler.Clock{Boot: strings.TrimSpace(string(boot)), Started: started}
}
