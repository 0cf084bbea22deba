package main

import (
	"context"
	"net/http"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

func TestErrors_AreEveryTwentiethAnswerOfHomeAndOrdersTogether(t *testing.T) {
	h := newAPI(settled(t, map[string]string{"BREAK": "errors=5"}))
	var failed []int
	for n := 1; n <= 60; n++ {
		method, path := "GET", "/"
		if n%3 == 0 {
			method, path = "POST", "/orders"
		}
		if status, _, body := ask(t, h, method, path); status == http.StatusInternalServerError && body.Error == "BREAK=errors" {
			failed = append(failed, n)
		}
	}
	if want := []int{20, 40, 60}; !slices.Equal(failed, want) {
		t.Errorf("answers %v were a 500, want %v", failed, want)
	}
	if _, _, body := ask(t, h, "POST", "/orders"); body.Order != 20 {
		t.Errorf("order %d, want 20: one of the twenty before was answered with a 500, and must not count", body.Order)
	}
}

func TestErrors_ComeInTheShareThatIsAskedFor(t *testing.T) {
	for _, test := range []struct {
		breakage string
		want     int
	}{{"errors=0", 0}, {"errors=0.5", 5}, {"errors=29", 290}, {"errors=100", 1000}, {"", 0}, {"unhealthy", 0}} {
		trouble, err := parseTrouble(test.breakage)
		if err != nil {
			t.Fatal(err)
		}
		got := 0
		for n := range int64(1000) {
			if trouble.fails(n + 1) {
				got++
			}
		}
		if got != test.want {
			t.Errorf("BREAK=%s: %d of 1000 answers fail, want %d", test.breakage, got, test.want)
		}
	}
}

func TestLatency_IsAddedToHomeAndOrders(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newAPI(settled(t, map[string]string{"BREAK": "latency=300"}))
		for path, method := range map[string]string{"/": "GET", "/orders": "POST"} {
			begin := time.Now()
			status, _, _ := ask(t, h, method, path)
			if took := time.Since(begin); status >= 300 || took != 300*time.Millisecond {
				t.Errorf("%s %s: status %d in %s, want 300ms", method, path, status, took)
			}
		}
	})
}

func TestLeak_GrowsEachSecondUpToItsLimit(t *testing.T) {
	for _, test := range []struct {
		after time.Duration
		want  int
	}{{500 * time.Millisecond, 0}, {1500 * time.Millisecond, 2}, {2500 * time.Millisecond, 4}, {time.Hour, 5}} {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), test.after)
			defer cancel()
			got := 0
			for _, piece := range leak(ctx, 2, 5) {
				got += len(piece)
			}
			if got != test.want*mebibyte {
				t.Errorf("%d bytes after %s, want %d MiB", got, test.after, test.want)
			}
		})
	}
}
