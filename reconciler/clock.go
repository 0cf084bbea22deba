package reconciler

import (
	"time"

	"tandem/reconciler/deploy"
)

// noted is the time now as the memory keeps it, by the clock of what it keeps already.
func (r *Runner) noted() time.Time {
	now := r.Now()
	r.memory.KeepTime(r.Clock(), now)
	return deploy.Instant(now)
}
