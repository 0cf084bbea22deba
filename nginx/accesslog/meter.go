package accesslog

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"tandem/reconciler/deploy"
)

// Meter sums up the access logs of apps. It is safe for concurrent use.
type Meter struct {
	logger *slog.Logger

	mu   sync.Mutex
	apps map[string]*appMeter
}

// NewMeter returns a meter that has read nothing yet. Lines that are not tandem's are
// told to the logger once for each app.
func NewMeter(logger *slog.Logger) *Meter {
	return &Meter{logger: logger, apps: map[string]*appMeter{}}
}

// Traffic reads what the access log at path has become since the last call and sums
// up the app's requests to one color that ended from since, to the second, until now. After
// 15 minutes it is to the minute, and after a day nothing is known any more. Requests
// that Nginx did not pass on to the app are not among them. When ctx ends first, the rest
// is read by the next call.
func (m *Meter) Traffic(ctx context.Context, path, app string, color deploy.Color, since time.Time) (deploy.Traffic, error) {
	a := m.of(app, path)
	a.mu.Lock()
	defer a.mu.Unlock()
	before := a.strange
	if err := a.update(ctx, time.Now()); err != nil {
		return deploy.Traffic{}, err
	}
	if before == 0 && a.strange > 0 {
		m.logger.Warn("access log has lines that are not tandem's; they are skipped", "app", app, "file", path, "lines", a.strange)
	}
	h := a.colors[color]
	if h == nil {
		return deploy.Traffic{}, nil
	}
	return h.since(since), nil
}

func (m *Meter) of(app, path string) *appMeter {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.apps[app] == nil {
		m.apps[app] = &appMeter{app: app, log: accessLog{path: path}, colors: map[deploy.Color]*history{
			deploy.Blue: newHistory(), deploy.Green: newHistory()}}
	}
	return m.apps[app]
}

// appMeter is what was read of one app's access log.
type appMeter struct {
	mu      sync.Mutex
	app     string
	log     accessLog
	colors  map[deploy.Color]*history
	strange int // lines that could not be read
}

func (m *appMeter) update(ctx context.Context, now time.Time) error {
	err := m.log.read(ctx, now, func(line []byte) {
		l, ok := parseAccessLine(line, m.app)
		switch {
		case !ok:
			m.strange++
		case l.ended.After(now.Add(-retention)) && l.ended.Before(now.Add(skew)):
			m.colors[l.color].add(l)
		}
	})
	for _, h := range m.colors {
		h.age(now)
	}
	return err
}

const (
	bySecond  = 15 * time.Minute // how long sums are kept by the second
	retention = 25 * time.Hour   // and by the minute: a watch lasts a day at most
	skew      = 2 * time.Second  // what lies further ahead was written before the clock was set back
)

// history holds sums by the second, older ones by the minute.
type history struct{ seconds, minutes map[int64]*tally }

func newHistory() *history { return &history{map[int64]*tally{}, map[int64]*tally{}} }

func (h *history) add(l accessLine) { at(h.seconds, l.ended.Unix()).add(l) }

// age bounds what is held. What lies ahead would be taken for the newest, for as long as
// the clock was set back.
func (h *history) age(now time.Time) {
	ahead := now.Add(skew).Unix()
	for second, t := range h.seconds {
		switch {
		case second > ahead:
			delete(h.seconds, second)
		case second < now.Add(-bySecond).Unix():
			at(h.minutes, second/60).merge(t)
			delete(h.seconds, second)
		}
	}
	for minute := range h.minutes {
		if minute < now.Add(-retention).Unix()/60 || minute > ahead/60 {
			delete(h.minutes, minute)
		}
	}
}

func (h *history) since(from time.Time) deploy.Traffic {
	var sum tally
	for second, t := range h.seconds {
		if second >= from.Unix() {
			sum.merge(t)
		}
	}
	for minute, t := range h.minutes {
		if minute >= from.Unix()/60 {
			sum.merge(t)
		}
	}
	return deploy.Traffic{Requests: sum.requests, Errors: sum.errors, Probes: sum.probes, P95: sum.took.quantile(0.95)}
}

func at(sums map[int64]*tally, key int64) *tally {
	if sums[key] == nil {
		sums[key] = &tally{}
	}
	return sums[key]
}

// tally is a sum of requests.
type tally struct {
	requests, errors, probes int
	took                     latencies
}

func (t *tally) add(l accessLine) {
	switch {
	case l.probe:
		t.probes++
		return
	case !l.passed:
		return
	}
	t.requests++
	if l.status >= 500 {
		t.errors++
	}
	if l.timed && l.status != 101 { // a WebSocket lasts as long as people like
		t.took.add(l.took)
	}
}

func (t *tally) merge(other *tally) {
	t.requests += other.requests
	t.errors += other.errors
	t.probes += other.probes
	t.took.merge(&other.took)
}
