package compose

import (
	"bufio"
	"bytes"
	"os"
	"strconv"
	"strings"
	"time"
)

// lostWithHost tells whether this host was restarted while the container ran, so
// that how it ended says nothing. An engine elsewhere is never taken for lost.
func (c *Client) lostWithHost(o observed) bool {
	if !c.local() || o.ExitCode == 0 {
		return false
	}
	data, err := os.ReadFile("/proc/stat")
	if err != nil {
		return false // not certain
	}
	return spans(o, bootTime(data))
}

// spans tells whether the container was started before the host, and found to
// have ended after: the engine writes down when it came to know of it.
func spans(o observed, boot time.Time) bool {
	return !boot.IsZero() && o.StartedAt.Before(boot) && o.finished.After(boot)
}

// bootTime reads when the kernel was started, zero if that does not stand there.
func bootTime(stat []byte) time.Time {
	lines := bufio.NewScanner(bytes.NewReader(stat))
	for lines.Scan() {
		if text, ok := strings.CutPrefix(lines.Text(), "btime "); ok {
			if seconds, err := strconv.ParseInt(text, 10, 64); err == nil {
				return time.Unix(seconds, 0)
			}
		}
	}
	return time.Time{}
}

// local tells whether the engine is on this host.
func (c *Client) local() bool { return strings.HasPrefix(c.host, "unix://") }
