package agent

import (
	"context"
	"sync"
	"time"

	"tandem/reconciler/deploy"
)

// drift notices what no event tells of: that Nginx ended, or answers otherwise
// than it did. It asks the confirm listener once a poll, which costs neither a
// container call nor a reload.
type drift struct {
	live func(ctx context.Context, app deploy.App) (deploy.Color, error)
	wake func(app string)

	mu         sync.Mutex
	lastLogged map[string]string // app -> the last answer
}

// check asks for each app and wakes those whose answer changed. The first answer
// is only remembered.
func (d *drift) check(ctx context.Context, names []string) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	for _, name := range names {
		color, err := d.live(ctx, deploy.App{Name: name})
		answer := string(color)
		if err != nil {
			answer = err.Error()
		}
		d.mu.Lock()
		before, known := d.lastLogged[name]
		d.lastLogged[name] = answer
		d.mu.Unlock()
		if known && before != answer {
			d.wake(name)
		}
	}
}
