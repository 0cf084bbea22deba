package agent

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"tandem/reconciler/deploy"
)

// branch is a status branch that can be away. It is a fake because the real one
// is tested in source; here it is about what is said when, and to whom.
type branch struct {
	mu     sync.Mutex
	away   error
	tries  int
	pushes []map[string][]byte
}

func (b *branch) Publish(ctx context.Context, _ string, files map[string][]byte) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.tries++
	if err := cmp.Or(ctx.Err(), b.away); err != nil {
		return err
	}
	for path, data := range files {
		if now, ok := b.read(path); !ok || now != string(data) {
			b.pushes = append(b.pushes, files)
			break
		}
	}
	return nil
}

// read returns the file as the newest push that has it left it.
func (b *branch) read(path string) (content string, ok bool) {
	for _, files := range slices.Backward(b.pushes) {
		if data, ok := files[path]; ok {
			return string(data), true
		}
	}
	return "", false
}

func (b *branch) set(away error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.away = away
}

func (b *branch) seen() (tries int, pushes []map[string][]byte) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.tries, b.pushes
}

func changed(app, message string) deploy.Event {
	s := deploy.Status{App: app, Phase: deploy.PhaseLive, Message: message}
	return deploy.Event{Kind: deploy.StatusChanged, App: app, Status: &s}
}

// play runs a publisher in a bubble in which time is free.
func play(t *testing.T, f func(p *publisher, b *branch, log *bytes.Buffer)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		b := &branch{}
		p := newPublisher(b, func(app string) string { return app + ".yaml" }, func(error) {}, slog.New(slog.NewTextHandler(&log, nil)))
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { defer close(done); p.run(ctx) }()
		f(p, b, &log)
		cancel()
		<-done
	})
}

func TestPublisher_PublishesAtOnceAndOnlyOnce(t *testing.T) {
	play(t, func(p *publisher, b *branch, _ *bytes.Buffer) {
		p.Handle(changed("shop", "one"))
		synctest.Wait()
		pass(time.Hour)
		if tries, pushes := b.seen(); tries != 1 || !strings.Contains(string(pushes[0]["shop.yaml"]), "one") {
			t.Errorf("%d tries, %v; want one push of the status", tries, pushes)
		}
	})
}

func TestPublisher_WhileTheRemoteIsAwayKeepsTheNewestOfEachApp(t *testing.T) {
	play(t, func(p *publisher, b *branch, log *bytes.Buffer) {
		b.set(errors.New("connection refused"))
		p.Handle(changed("shop", "one"))
		p.Handle(changed("blog", "first"))
		synctest.Wait()
		p.Handle(changed("shop", "two"))
		pass(2 * time.Hour)
		b.set(nil)
		pass(2 * publishPause)
		tries, pushes := b.seen()
		if len(pushes) != 1 {
			t.Fatalf("%d pushes, want one with both apps", len(pushes))
		}
		if shop := string(pushes[0]["shop.yaml"]); !strings.Contains(shop, "two") || strings.Contains(shop, "one") {
			t.Errorf("published for shop:\n%s\nwant the newest status", shop)
		}
		if blog := string(pushes[0]["blog.yaml"]); !strings.Contains(blog, "first") {
			t.Errorf("published for blog:\n%s", blog)
		}
		if tries > 50 {
			t.Errorf("%d tries in two hours, want growing pauses", tries)
		}
		if n := strings.Count(log.String(), "not published"); n != 1 {
			t.Errorf("the failure was logged %d times, want once:\n%s", n, log)
		}
	})
}

func TestPublisher_WhatIsWaitingGoesOutBeforeTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &branch{away: errors.New("away")}
		p := newPublisher(b, func(app string) string { return app }, func(error) {}, slog.New(slog.DiscardHandler))
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { defer close(done); p.run(ctx) }()
		p.Handle(changed("shop", "last word"))
		synctest.Wait()
		b.set(nil)
		cancel()
		<-done
		if _, pushes := b.seen(); len(pushes) != 1 {
			t.Errorf("%d pushes, want the one that was waiting", len(pushes))
		}
	})
}

// pass lets time go by in the bubble; nobody really waits.
func pass(d time.Duration) {
	timer := time.NewTimer(d)
	<-timer.C
	synctest.Wait()
}
