package appfile

import (
	"errors"
	"strings"
	"time"

	"github.com/robfig/cron/v3"
)

// ParseCron reads a cron expression of five fields, or @hourly, @daily,
// @weekly, @monthly, @yearly; "CRON_TZ=Europe/Berlin " may stand before it,
// else the times are those of the host.
func ParseCron(text string) (cron.Schedule, error) {
	zoned := strings.HasPrefix(text, "TZ=") || strings.HasPrefix(text, "CRON_TZ=")
	if zoned && !strings.Contains(text, " ") { // the library panics
		return nil, errors.New("a time zone and nothing after it")
	}
	if strings.Contains(text, "@every") {
		return nil, errors.New("@every is not a time of day")
	}
	s, err := cron.ParseStandard(text)
	if err != nil {
		return nil, err
	}
	if s.Next(time.Now()).IsZero() {
		return nil, errors.New("it never comes")
	}
	return s, nil
}

func (p appParser) windows() {
	for _, n := range p.root.Get("windows").Items() {
		var text string
		if !n.Text(&text) {
			continue
		}
		if _, err := parseWindow(text); err != nil {
			n.Fault(`want a cron expression and a length, such as "0 9 * * MON-THU for 8h", got %s: %v`, quoted(text), err)
			continue
		}
		p.app.Windows = append(p.app.Windows, text)
	}
}
