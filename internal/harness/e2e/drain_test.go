package e2e

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/pkg/stdcopy"

	"tandem/internal/harness/load"
	"tandem/internal/harness/stage"
	"tandem/internal/harness/testbed/tb"
	"tandem/reconciler/deploy"
)

// What was begun on the old stack ends there: requests are waited for, and
// WebSockets live until they are closed or their limit is over.
func TestDrain_WhatTheOldStackBeganEndsThere(t *testing.T) {
	t.Parallel()
	w := deployed(t, stage.Options{})
	w.build("1.1.0")

	staying, leaving := w.sockets(25), w.sockets(25)
	download := begin(func() error { return w.download(25) })
	upload := begin(func() error { return w.slowUpload(20) })
	w.busyWith("shop: takes ", 2) // for a download, and an upload

	more := "gate: {timeout: " + gateLimit + "}\nwatch: {for: 1s, max_p95: 1m, compare: limits}\ndrain: {timeout: 60s, websockets: 60s}\nstandby: {keep: stopped}\n"
	commit := w.push(stage.Desired{Tag: "1.1.0", Color: "green", More: more})
	w.arrived("1.1.0")
	if ended(download) || ended(upload) {
		t.Fatal("a request ended before the flip, so nothing is proven")
	}
	if report := leaving.Stop(); len(report.Early()) > 0 || len(report.Sessions) != 25 {
		t.Errorf("%d WebSockets; before their people closed them, these were gone: %v", len(report.Sessions), report.Early())
	}
	for what, r := range map[string]chan error{"download": download, "slow POST": upload} {
		if err := <-r; err != nil {
			t.Errorf("%s across the flip: %v", what, err)
		}
	}
	if report := staying.Report(); len(report.Early()) > 0 {
		t.Errorf("cut before their limit: %v", report.Early())
	}

	w.until("the old stack retired", func(s deploy.Status) error {
		if err := isLive(s, commit, "1.1.0", deploy.Green); err != nil {
			return err
		}
		if s.Standby == nil || s.Standby.State != "stopped" {
			return fmt.Errorf("standby %+v", s.Standby)
		}
		if s.Receipt.Cut != 25 || s.Receipt.Failed != 0 {
			return fmt.Errorf("receipt %+v, want 25 cut", *s.Receipt)
		}
		return nil
	})
	cut := slices.DeleteFunc(staying.Stop().Sessions, func(s load.Session) bool { return s.Answer.Color != "blue" })
	for _, s := range cut {
		if !s.Early() || s.Messages == 0 {
			t.Errorf("%s: want one that echoed until the old stack was stopped", s)
		}
	}
	if len(cut) != 25 {
		t.Errorf("%d WebSockets were held on the old stack, want 25", len(cut))
	}
}

// sockets holds WebSockets through Nginx, and waits until they are open.
func (w *world) sockets(n int) *load.Runner {
	w.t.Helper()
	r, err := load.Run(w.t.Context(), load.Options{URL: w.URL(), Connections: -1, WebSockets: n, EchoEvery: 500 * time.Millisecond})
	check(w.t, err)
	w.t.Cleanup(func() { r.Stop() })
	tb.Until(w.t, patience, "open WebSockets", func() error {
		if got := len(r.Report().Sessions); got < n {
			return fmt.Errorf("%d of %d", got, n)
		}
		return nil
	})
	return r
}

// begin does something meanwhile.
func begin(do func() error) chan error {
	out := make(chan error, 1)
	go func() { out <- do() }()
	return out
}

func ended(r chan error) bool { return len(r) > 0 }

// download takes the given time, and is an error when a byte of it is missing.
func (w *world) download(seconds int) error {
	resp, err := http.Get(fmt.Sprintf("%s/download?seconds=%d", w.URL(), seconds))
	if err != nil {
		return err
	}
	n, err := io.Copy(io.Discard, resp.Body)
	if err == nil && (resp.StatusCode != http.StatusOK || n != resp.ContentLength) {
		err = fmt.Errorf("status %s, %d bytes of %d", resp.Status, n, resp.ContentLength)
	}
	return errors.Join(err, resp.Body.Close())
}

// slowUpload sends a body for the given time, and wants to hear its length.
func (w *world) slowUpload(seconds int) error {
	body, in := io.Pipe()
	go func() {
		tick := time.NewTicker(100 * time.Millisecond)
		defer tick.Stop()
		for range seconds * 10 {
			<-tick.C
			if _, err := in.Write([]byte(strings.Repeat("x", 1000))); err != nil {
				return // the answer tells
			}
		}
		_ = in.Close()
	}()
	resp, err := http.Post(w.URL()+"/slow-upload", "application/octet-stream", body)
	if err != nil {
		return err
	}
	var got struct {
		Bytes int64
		Color string
	}
	err = json.NewDecoder(resp.Body).Decode(&got)
	if err == nil && (resp.StatusCode != http.StatusCreated || got.Bytes != int64(seconds)*10_000 || got.Color != "blue") {
		err = fmt.Errorf("status %s, %+v", resp.Status, got)
	}
	return errors.Join(err, resp.Body.Close())
}

// busyWith waits until the live api has logged so many lines with the words.
func (w *world) busyWith(words string, n int) {
	w.t.Helper()
	tb.Until(w.t, patience, words, func() error {
		stream, err := w.Engine.Client.ContainerLogs(w.t.Context(), w.service("blue", "api").ID, container.LogsOptions{ShowStdout: true, ShowStderr: true})
		if err != nil {
			return err
		}
		var text strings.Builder
		_, err = stdcopy.StdCopy(&text, &text, stream)
		if got := strings.Count(text.String(), words); err == nil && got < n {
			err = fmt.Errorf("%d of %d in\n%s", got, n, text.String())
		}
		return errors.Join(err, stream.Close())
	})
}
