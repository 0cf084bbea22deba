package agent

import (
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"tandem/reconciler/deploy"
)

// bootID names the present start of the machine: random(4).
const bootID = "/proc/sys/kernel/random/boot_id"

// readClock says which clock time.Now reads; the zero Clock where the kernel does not
// tell. CLOCK_BOOTTIME counts while the machine sleeps too, and nobody can set it:
// clock_gettime(2).
func readClock() deploy.Clock {
	boot, err := os.ReadFile(bootID)
	if err != nil {
		return deploy.Clock{}
	}
	var up unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &up); err != nil {
		return deploy.Clock{}
	}
	started := time.Now().Add(-time.Duration(up.Nano())).UTC()
	return deploy.Clock{Boot: strings.TrimSpace(string(boot)), Started: started}
}
