package source

import (
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/robfig/cron/v3"
)

const (
	// longestPause bounds the pause after failures, unless the schedule itself asks
	// less often.
	longestPause = 5 * time.Minute
	// firstPause is what the pause after failures grows from where a cron expression
	// gives no better measure.
	firstPause = 10 * time.Second
	// shortestInterval keeps a slip of the pen from becoming an attack on the server.
	shortestInterval = 100 * time.Millisecond
)

// Schedule says when to poll. The zero value is not usable; see ParseSchedule.
type Schedule struct {
	every time.Duration // zero: times decides
	times cron.Schedule
	text  string
}

// ParseSchedule reads a duration ("10s"), a cron expression of five fields or a
// descriptor such as "@hourly" or "@every 1m".
func ParseSchedule(text string) (Schedule, error) {
	if d, err := time.ParseDuration(text); err == nil {
		if d < shortestInterval {
			return Schedule{}, fmt.Errorf("schedule %q: want at least %s", text, shortestInterval)
		}
		return Schedule{every: d, text: text}, nil
	}
	times, err := cron.ParseStandard(text)
	if err != nil {
		return Schedule{}, fmt.Errorf("schedule %q: want a duration such as 10s or a cron expression such as \"*/5 * * * *\": %w", text, err)
	}
	if c, ok := times.(cron.ConstantDelaySchedule); ok {
		return Schedule{every: c.Delay, text: text}, nil
	}
	if times.Next(time.Unix(0, 0)).IsZero() {
		return Schedule{}, fmt.Errorf("schedule %q: there is no such day", text)
	}
	return Schedule{times: times, text: text}, nil
}

// String is the text that was parsed.
func (s Schedule) String() string { return s.text }

// Next returns when to poll again, given the number of failures in a row.
// Intervals and pauses are spread by 10 % either way, so that many agents do not
// come at once; a time of day is kept exactly. After failures the pause doubles
// each time, up to five minutes; it never is shorter than the interval. A cron
// expression is tried again that way too, rather than a day later.
func (s Schedule) Next(now time.Time, failures int, r *rand.Rand) time.Time {
	if s.every > 0 {
		return now.Add(spread(grow(s.every, failures), r))
	}
	next := s.times.Next(now)
	if failures <= 0 {
		return next
	}
	return now.Add(spread(grow(min(firstPause, next.Sub(now)), failures), r))
}

func grow(d time.Duration, failures int) time.Duration {
	most := max(d, longestPause)
	for range failures {
		if d *= 2; d >= most {
			return most
		}
	}
	return d
}

func spread(d time.Duration, r *rand.Rand) time.Duration {
	return time.Duration(float64(d) * (0.9 + 0.2*r.Float64()))
}
