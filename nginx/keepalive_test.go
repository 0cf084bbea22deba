package nginx_test

import (
	"fmt"
	"testing"

	"tandem/internal/harness/testbed/tb"
	"tandem/nginx"
	"tandem/reconciler/deploy"
)

// reloads is how often the test reloads Nginx under load. Without the directive each
// reload breaks about a dozen of the requests.
const reloads = 8

func TestContainer_ANewNginxLosesNoRequestAtAReload(t *testing.T) {
	inBothModes(t, func(t *testing.T, mode string) {
		b := newBoxedOf(t, tb.NewNginx, mode, true)
		b.app.Routes[0].Ports = deploy.Ports{Blue: newStack(t, deploy.Blue).port, Green: newStack(t, deploy.Green).port}
		b.prepare(t, b.passing())
		traffic := startLoad(t, fmt.Sprintf("http://127.0.0.1:%d", b.port), 32)
		for i := range reloads {
			b.app.Routes = append(b.app.Routes[:1:1], deploy.Route{Name: "web", Service: "api", Access: b.app.Routes[0].Access,
				Ports: deploy.Ports{Blue: 10000 + i, Green: 10100 + i}})
			if _, err := b.proxy.Prepare(t.Context(), b.app); err != nil {
				t.Fatal(err)
			}
			traffic.more(t, 1000)
		}
		if traffic.stop(); traffic.failed.Load() > 0 {
			t.Errorf("%d requests failed in %d reloads, and %d did not: %v", traffic.failed.Load(), reloads, traffic.answered.Load(), traffic.first.Load())
		}
	})
}

// more waits until so many more requests were answered.
func (l *load) more(t *testing.T, n int64) {
	t.Helper()
	enough := l.answered.Load() + n
	tb.Until(t, patience, "more requests", func() error {
		if got := l.answered.Load(); got < enough {
			return fmt.Errorf("there are %d of %d", got, enough)
		}
		return nil
	})
}

// A line of a person's own is there before tandem's files are.
func TestContainer_AKeepaliveLineOfAPersonIsNoDuplicate(t *testing.T) {
	b := newBoxedOf(t, tb.NewNginx, nginx.SwitchFlip, true)
	const own = "keepalive_min_timeout 2s;\n"
	b.configure(t, own, "")
	httpLine, serverLine, err := b.proxy.IncludeLines(t.Context(), b.app.Name)
	if err != nil {
		t.Fatal(err)
	}
	tb.Until(t, patience, "the files", func() error {
		if _, err := b.proxy.Prepare(t.Context(), b.app); !isReason(err, deploy.NotIncluded) {
			return fmt.Errorf("got %w, want NotIncluded", err)
		}
		return nil
	})
	b.configure(t, own+httpLine, serverLine+b.passing())
	for range 2 {
		if _, err := b.proxy.Prepare(t.Context(), b.app); err != nil {
			t.Fatal(err)
		}
		if b.proxy, err = nginx.New(b.options); err != nil {
			t.Fatal(err)
		}
	}
}
