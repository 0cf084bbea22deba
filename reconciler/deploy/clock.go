package deploy

import "time"

// Clock tells the machine's clock from the same one after somebody has set it.
type Clock struct {
	Boot    string    `json:"boot"`    // names this start of the machine; empty: not known
	Started time.Time `json:"started"` // when that was, by this clock
}

// clockSlack is less than people set a clock by, and more than what lies between the
// two readings that a Clock is made of.
const clockSlack = 2 * time.Second

// setBy tells by how much the clock was set to become now; 0 where that cannot be known.
func (c Clock) setBy(now Clock) time.Duration {
	d := now.Started.Sub(c.Started)
	if c.Boot == "" || c.Boot != now.Boot || d.Abs() <= clockSlack {
		return 0
	}
	return d
}

// KeepTime puts right what was remembered by a clock that has been set since. Where it
// was set forward, what has just begun would seem to have begun long ago: a watch would
// be over, and count requests from before the flip. Where it was set back, what has begun
// would seem to be still to come; it begins now then, and not by so much earlier, because
// Nginx's log has other requests of that time.
func (m *Memory) KeepTime(c Clock, now time.Time) {
	d := m.Clock.setBy(c)
	if d != 0 || m.Clock.Boot != c.Boot {
		m.Clock = c
	}
	instants := []*time.Time{&m.Live.Since, &m.Live.WatchRestartedAt}
	if m.Pending != nil {
		instants = append(instants, &m.Pending.Started)
	}
	if m.Awaited != nil {
		instants = append(instants, &m.Awaited.Since)
	}
	for _, at := range instants {
		if at.IsZero() {
			continue
		}
		*at = at.Add(max(0, d))
		if at.After(now) {
			*at = Instant(now)
		}
	}
}

// Instant is a time without what the file of the memory would not keep of it.
func Instant(t time.Time) time.Time { return t.UTC().Truncate(time.Millisecond) }
