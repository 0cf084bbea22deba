package nginx_test

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"testing"
	"time"

	"tandem/internal/harness/testbed"
	"tandem/internal/harness/testbed/tb"
	"tandem/nginx"
	"tandem/reconciler/deploy"
)

// bumps is how often the test moves the traffic to a container that has just come.
const bumps = 3

// Nginx has asked for the name of the container before it was there, and does not ask
// again at once.
func TestReach_TrafficWaitsUntilNginxHasFoundTheNewContainer(t *testing.T) {
	for name, image := range map[string]func(testing.TB, *testbed.Engine) string{"old": tb.Debian, "new": tb.NewNginx} {
		t.Run(name, func(t *testing.T) {
			b := newBoxedOf(t, image, nginx.SwitchFlip, false)
			b.app.Routes[0].Health = deploy.Health{Path: "/", MaxLatency: patience}
			b.stack(t, deploy.Blue)
			b.prepare(t, b.passing())
			traffic := startLoad(t, "http://"+net.JoinHostPort(b.address(t, b.name), fmt.Sprint(b.port)), 8)
			to := deploy.Green
			for range bumps {
				traffic.more(t, 500)
				b.stack(t, to)
				if err := b.proxy.Reach(within(t), b.app, to); err != nil {
					t.Fatal(err)
				}
				b.flip(t, to)
				traffic.more(t, 500)
				to = to.Other()
				if err := b.engine.RemoveContainer(within(t), b.app.Project(to)+"-api-1"); err != nil {
					t.Fatal(err)
				}
			}
			if traffic.stop(); traffic.failed.Load() > 0 {
				t.Errorf("%d requests failed in %d bumps, and %d did not: %v", traffic.failed.Load(), bumps, traffic.answered.Load(), traffic.first.Load())
			}
		})
	}
}

func TestReach_NamesTheContainerThatNginxDoesNotFind(t *testing.T) {
	b := newBoxed(t, nginx.SwitchFlip, false)
	b.app.Routes[0].Health.Path = "/"
	b.stack(t, deploy.Blue)
	b.prepare(t, b.passing())
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	wantReason(t, b.proxy.Reach(ctx, b.app, deploy.Green), deploy.NotReached, b.app.Project(deploy.Green)+"-api-1", "502 Bad Gateway", "those of Nginx are "+b.network)
}

func TestReach_AsksTheColorAndNotWhoeverIsLive(t *testing.T) {
	r := newRig(t, rigOptions{})
	r.app.Routes[0].Health = deploy.Health{Path: "/broken", MaxLatency: time.Second} // what the app says is the gate's business
	r.prepare(t)
	reach := func(c deploy.Color) error {
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		defer cancel()
		return r.proxy.Reach(ctx, r.app, c)
	}
	for _, c := range deploy.Colors() {
		if err := reach(c); err != nil {
			t.Error(err)
		}
		if got := r.stacks[c].last.Load(); got == nil || got.URL.Path != "/broken" || got.Method != http.MethodGet {
			t.Errorf("%s was asked %+v", c, got)
		}
	}
	green := r.stacks[deploy.Green]
	green.kill(t)
	wantReason(t, reach(deploy.Green), deploy.NotReached, fmt.Sprintf("127.0.0.1:%d", green.port), "route api of shop in green", "502 Bad Gateway")
	if err := reach(deploy.Blue); err != nil {
		t.Error(err)
	}
	reached := make(chan error, 1)
	go func() { reached <- r.proxy.Reach(within(t), r.app, deploy.Green) }()
	green.start(t)
	if err := <-reached; err != nil {
		t.Error(err)
	}
	r.grant(deploy.AccessClosed, deploy.AccessClosed) // nobody is to get through
	if err := reach(deploy.Green); err != nil {
		t.Error(err)
	}
}
