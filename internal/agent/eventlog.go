package agent

import (
	"context"
	"log/slog"
	"sync"

	"tandem/reconciler/deploy"
)

// eventLog writes events as log lines: one a change, none when nothing changes.
type eventLog struct {
	log *slog.Logger

	mu   sync.Mutex
	last map[string]string // app -> the last error, which is said once and not at every try
}

func newEventLog(log *slog.Logger) *eventLog {
	return &eventLog{log: log, last: map[string]string{}}
}

// Handle implements listener.
func (l *eventLog) Handle(e deploy.Event) {
	attrs := []slog.Attr{slog.String("app", e.App)}
	if e.Commit != "" {
		attrs = append(attrs, slog.String("commit", e.Commit[:min(8, len(e.Commit))]))
	}
	if e.Step.Action != "" {
		attrs = append(attrs, slog.String("step", string(e.Step.Action)), slog.String("color", string(e.Step.Color)), slog.String("tag", e.Step.Release.Tag))
	}
	if e.Reason != "" {
		attrs = append(attrs, slog.String("reason", string(e.Reason)))
	}
	if e.Took > 0 {
		attrs = append(attrs, slog.String("took", deploy.Took(e.Took).String()))
	}
	level, message := slog.LevelInfo, string(e.Kind)
	switch e.Kind {
	case deploy.StepFailed:
		if l.repeats(e.App, e.Err.Error()) {
			level = slog.LevelDebug
		} else {
			level = slog.LevelWarn
		}
		attrs = append(attrs, slog.String("err", e.Err.Error()))
	case deploy.StatusChanged:
		attrs = append(attrs, slog.String("phase", string(e.Status.Phase)))
		if e.Status.Phase == deploy.PhaseDegraded || e.Status.Phase == deploy.PhaseRefused {
			level = slog.LevelWarn
		}
		if e.Status.Phase == deploy.PhaseLive {
			l.repeats(e.App, "")
		}
	case deploy.Rejecting, deploy.Repaired, deploy.Warned:
		level = slog.LevelWarn
	}
	if e.Message != "" {
		attrs = append(attrs, slog.String("message", e.Message))
	}
	l.log.LogAttrs(context.Background(), level, message, attrs...)
}

// Forget implements listener.
func (l *eventLog) Forget(app string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.last, app)
}

// repeats tells whether text is the failure that was said last about the app.
func (l *eventLog) repeats(app, text string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	same := deploy.SameFailure(l.last[app], text)
	l.last[app] = text
	return same
}
