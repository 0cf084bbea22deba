package config

import (
	"errors"
	"fmt"
	"strconv"
	"time"

	"tandem/reconciler/appfile"
)

// Poll says when the remote is asked: each Every, or at the times of Cron.
// Exactly one of them is set.
type Poll struct {
	Every time.Duration
	Cron  string // see appfile.ParseCron
}

// ParsePoll reads a duration from 1s to 24h, or a cron expression.
func ParsePoll(text string) (Poll, error) {
	if d, err := time.ParseDuration(text); err == nil {
		p := Poll{Every: d}
		return p, p.check()
	}
	if n, err := strconv.Atoi(text); err == nil {
		return Poll{}, fmt.Errorf("%d has no unit; write %ds", n, n)
	}
	p := Poll{Cron: text}
	return p, p.check()
}

func (p Poll) check() error {
	if p.Cron == "" {
		if p.Every < time.Second || p.Every > 24*time.Hour {
			return fmt.Errorf("want from 1s to 24h, got %s", p.Every)
		}
		return nil
	}
	if p.Every != 0 {
		return errors.New("want a duration or a cron expression, got both")
	}
	if _, err := appfile.ParseCron(p.Cron); err != nil {
		return fmt.Errorf(`want a duration such as 10s, or a cron expression such as "*/5 * * * *", got %q: %w`, p.Cron, err)
	}
	return nil
}

// Next returns the next time after t. It is the zero time if p is not valid.
func (p Poll) Next(t time.Time) time.Time {
	if p.Cron == "" {
		return t.Add(p.Every)
	}
	s, err := appfile.ParseCron(p.Cron)
	if err != nil {
		return time.Time{}
	}
	return s.Next(t)
}

// String is what ParsePoll reads.
func (p Poll) String() string {
	if p.Cron != "" {
		return p.Cron
	}
	return p.Every.String()
}
