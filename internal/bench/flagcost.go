package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"tandem/internal/config"
	"tandem/internal/load"
	"tandem/internal/testbed"
)

// measureFlag compares an Nginx that has tandem's include with one that passes to
// the same container by a plain proxy_pass.
func (b *bench) measureFlag(ctx context.Context) (_ section, err error) {
	t, err := b.newTandem(ctx, config.SwitchFlip)
	if err != nil {
		return section{}, err
	}
	defer func() { err = errors.Join(err, t.Close(context.WithoutCancel(ctx))) }()
	port, err := t.livePort(ctx)
	if err != nil {
		return section{}, err
	}
	plainly, err := plainProxy(ctx, port)
	if err != nil {
		return section{}, err
	}
	defer func() { err = errors.Join(err, plainly.Close(context.WithoutCancel(ctx))) }()

	with, without := &throughput{nginx: t.Nginx}, &throughput{nginx: plainly}
	for round := range b.rounds {
		pair := []*throughput{with, without}
		if round%2 == 1 {
			pair = []*throughput{without, with} // whoever comes first may have it easier
		}
		for _, p := range pair {
			if err := p.take(ctx, b.requests); err != nil {
				return section{}, err
			}
		}
	}
	s := section{
		title: "The cost of the flag check",
		intro: fmt.Sprintf(`%d requests a turn over 32 kept-alive connections, as fast as they go, through two
Nginx with two workers each and the same container behind them. One has tandem's
include, with the flag check, the spare and the JSON log; the other a plain
`+"`proxy_pass`"+` and the usual log. The client and the app run on the same processors.`, b.requests),
		header: []string{"what", "tandem's include", "plain `proxy_pass`", "ratio"},
	}
	for _, row := range []struct {
		name          string
		print         func(float64) string
		with, without series
	}{
		{"requests a second", plain, with.rate, without.rate},
		{"p99", seconds, with.p99, without.p99},
		{"CPU of Nginx's workers for 1,000 requests", seconds, with.cpu, without.cpu},
	} {
		s.rows = append(s.rows, []string{row.name, row.with.text(row.print), row.without.text(row.print), ratios(row.with, row.without).text(plain)})
	}
	s.notes = []string{target("requests a second that are lost", 1-ratios(with.rate, without.rate).median(), .02, share)}
	return s, nil
}

func share(f float64) string { return fmt.Sprintf("%.1f%%", 100*f) }

// plainProxy is an Nginx in front of one port of this machine.
func plainProxy(ctx context.Context, port int) (*testbed.Nginx, error) {
	n, err := testbed.NewNginx(testbed.NginxOptions{Workers: 2})
	if err != nil {
		return nil, err
	}
	err = n.Configure(testbed.NginxConfig{
		HTTP: fmt.Sprintf("    map $http_upgrade $connection_upgrade { default upgrade; '' ''; }\n"+
			"    upstream plain { server 127.0.0.1:%d; keepalive 32; }\n", port),
		Server: fmt.Sprintf(plainSite, "plain"),
	})
	if err == nil {
		err = n.Start(ctx)
	}
	if err != nil {
		return nil, errors.Join(err, n.Close(context.WithoutCancel(ctx)))
	}
	return n, nil
}

// throughput is what one Nginx gave.
type throughput struct {
	nginx          *testbed.Nginx
	rate, p99, cpu series // a second, seconds, seconds for 1,000 requests
}

func (t *throughput) take(ctx context.Context, requests int64) error {
	before, err := t.used()
	if err != nil {
		return err
	}
	r, err := load.Run(ctx, load.Options{URL: t.nginx.URL(), Requests: requests})
	if err != nil {
		return err
	}
	report := r.Wait()
	if err := report.Err(); err != nil {
		return err
	}
	after, err := t.used()
	if err != nil {
		return err
	}
	t.rate = append(t.rate, float64(report.Requests)/report.Took.Seconds())
	t.p99 = append(t.p99, report.P99.Seconds())
	t.cpu = append(t.cpu, (after-before)/float64(report.Requests)*1000)
	return ctx.Err()
}

// ticksPerSecond is USER_HZ, in which Linux tells times of processes: see proc(5).
const ticksPerSecond = 100

// used is the CPU time of the workers so far, in seconds.
func (t *throughput) used() (float64, error) {
	workers, err := t.nginx.Workers()
	if err != nil {
		return 0, err
	}
	sum := 0
	for _, w := range workers {
		data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", w.PID))
		if err != nil {
			return 0, err
		}
		// Field 2 is the name in brackets, which may hold anything; 14 and 15 are the
		// time in user mode and in the kernel.
		_, rest, _ := strings.Cut(string(data), ") ")
		fields := strings.Fields(rest)
		if len(fields) < 13 {
			return 0, fmt.Errorf("read /proc/%d/stat: %q", w.PID, data)
		}
		for _, f := range fields[11:13] {
			n, err := strconv.Atoi(f)
			if err != nil {
				return 0, fmt.Errorf("read /proc/%d/stat: %w", w.PID, err)
			}
			sum += n
		}
	}
	return float64(sum) / ticksPerSecond, nil
}
