package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"tandem/internal/config"
	"tandem/internal/harness/load"
	"tandem/internal/harness/testbed"
)

// measureFlag compares an Nginx that has tandem's include with one that passes to
// the same container by a plain proxy_pass, and with some that have parts of it.
func (b *bench) measureFlag(ctx context.Context) (_ section, err error) {
	t, err := b.newTandem(ctx, config.SwitchFlip, siteUpstream)
	if err != nil {
		return section{}, err
	}
	defer func() { err = errors.Join(err, t.Close(context.WithoutCancel(ctx))) }()
	listener, err := testbed.ReservePorts(1)
	if err != nil {
		return section{}, err
	}
	defer func() { err = errors.Join(err, listener.Close()) }()
	parts, err := t.parts(ctx, listener)
	if err != nil {
		return section{}, err
	}
	all := []*throughput{}
	for _, p := range parts {
		n, err := startNginx(ctx, p.site)
		if err != nil {
			return section{}, fmt.Errorf("%s: %w", p.name, err)
		}
		defer func() { err = errors.Join(err, n.Close(context.WithoutCancel(ctx))) }()
		all = append(all, &throughput{name: p.name, nginx: n})
	}
	for round := range b.rounds {
		for i := range all {
			// Whoever comes first may have it easier.
			if err := all[(round+i)%len(all)].take(ctx, b.requests); err != nil {
				return section{}, err
			}
		}
	}
	return b.flagSection(all), nil
}

// flagSection compares each with the first, which is plain, and judges the last.
func (b *bench) flagSection(all []*throughput) section {
	s := section{
		intro: fmt.Sprintf(`%d requests a turn over 32 kept-alive connections, as fast as they go, each through an
Nginx of its own with two workers and to the same container behind them. Tandem's include is
the flag check, the backup and the JSON log; the rows between take parts of it away. A site's own
upstream leads through a listener of the same Nginx, which has all of that. The client and the app
run on the same processors.`, b.requests),
		header: []string{"what", "requests a second", "share of plain", "p99", "CPU of Nginx's workers for 1,000 requests"},
	}
	first, last, hop := all[0], all[len(all)-2], all[len(all)-1]
	for _, t := range all {
		s.rows = append(s.rows, []string{t.name, t.rate.text(plain), ratios(t.rate, first.rate).text(plain), t.p99.text(seconds), t.cpu.text(seconds)})
	}
	more := make(series, len(hop.cpu))
	for i := range more {
		more[i] = (hop.cpu[i] - last.cpu[i]) / 1000
	}
	s.notes = []string{
		"A site's own upstream costs " + more.text(seconds) + " more of CPU a request than the include does.",
		targetAtLeast("share of a plain Nginx's requests a second", ratios(last.rate, first.rate).median(), .98, plain),
		"What is dearer is the work of Nginx's workers: two looks for a file at each request, variables that are made for it, and a longer line of the log. With a client and an app on the same two processors, and nothing in the app to wait for, that is all lost; an app that works for a millisecond hides it.",
	}
	return s
}

// part is an Nginx that has more or less of what tandem generates.
type part struct {
	name string
	site func(dir string) testbed.NginxConfig // dir is that Nginx's own
}

// siteUpstream is the name that the site of the last part passes to.
const siteUpstream = "bench_backend"

// parts are plain first, and all of the include and the site's own upstream last.
func (t *tandem) parts(ctx context.Context, listener *testbed.Ports) ([]part, error) {
	port, err := t.livePort(ctx)
	if err != nil {
		return nil, err
	}
	g, err := t.generated()
	if err != nil {
		return nil, err
	}
	isLook := func(line string) bool { return strings.HasPrefix(line, "if (-f ") }
	isLog := func(line string) bool { return strings.HasPrefix(line, "access_log ") }
	isBind := func(line string) bool { return strings.HasPrefix(line, "proxy_bind ") }
	isRoute := func(line string) bool { return strings.HasPrefix(line, "set "+g.route+" ") }
	group := fmt.Sprintf("    upstream plain { server 127.0.0.1:%d; keepalive 32; }\n", port)
	plainly := g
	plainly.http += group
	return []part{
		{"plain `proxy_pass`, the usual log", func(string) testbed.NginxConfig {
			return testbed.NginxConfig{HTTP: plainMap + group, Server: fmt.Sprintf(plainSite, "plain")}
		}},
		{"plain, with tandem's JSON log", func(dir string) testbed.NginxConfig {
			return plainly.without("plain", dir, isLook, isBind, isRoute)
		}},
		{"the include with the usual log", func(dir string) testbed.NginxConfig { return g.without(g.route, dir, isLog) }},
		{"the include without the looks for flags", func(dir string) testbed.NginxConfig { return g.without(g.route, dir, isLook) }},
		{"the include without `proxy_bind`", func(dir string) testbed.NginxConfig { return g.without(g.route, dir, isBind) }},
		{"all of the include", func(dir string) testbed.NginxConfig { return g.without(g.route, dir) }},
		{"a site's own upstream, `routes.*.upstream`", func(dir string) testbed.NginxConfig { return g.throughListener(dir, listener.Numbers[0]) }},
	}, nil
}

// plainMap is what people write for WebSockets.
const plainMap = "    map $http_upgrade $connection_upgrade { default upgrade; '' ''; }\n"

// generated is the text of the files that tandem generated, and the variable that
// requests are passed to.
type generated struct{ dir, http, server, route, listeners string }

func (t *tandem) generated() (generated, error) {
	g := generated{dir: t.Config().Nginx.Dir}
	texts := map[string]string{}
	for _, name := range []string{"tandem.conf", t.App + ".conf", t.App + ".server", t.App + ".vars", t.App + ".listeners"} {
		data, err := os.ReadFile(filepath.Join(g.dir, name))
		if err != nil {
			return g, err
		}
		texts[name] = string(data)
	}
	// The confirm server's address belongs to the Nginx of the stage.
	maps, _, found := strings.Cut(texts["tandem.conf"], "\nserver {")
	if !found {
		return g, errors.New("tandem.conf has no server at its end")
	}
	// Nor does the port of the listener.
	maps = strings.ReplaceAll(maps, "include "+g.dir+"/*.listeners;\n", "")
	g.http = maps + "\n" + texts[t.App+".conf"]
	head, _, found := strings.Cut(texts[t.App+".server"], "\ninclude ")
	if !found {
		return g, fmt.Errorf("%s.server has no include at its end", t.App)
	}
	g.server = head + "\n" + texts[t.App+".vars"]
	g.listeners = strings.ReplaceAll(texts[t.App+".listeners"], "include "+g.dir+"/"+t.App+".vars;", texts[t.App+".vars"])
	// Whoever includes all of that passes to no listener, and needs no condition of the log.
	g.server = regexp.MustCompile(` if=\S+;`).ReplaceAllString(g.server, ";")
	before, _, found := strings.Cut(g.server, "_api ")
	if !found {
		return g, fmt.Errorf("%s.vars has no variable of the route", t.App)
	}
	g.route = before[strings.LastIndex(before, "$"):] + "_api"
	return g, nil
}

// without leaves the lines of the server block out that any of the conditions
// is true of, and passes the requests to the target. The log is in dir.
func (g generated) without(target, dir string, left ...func(line string) bool) testbed.NginxConfig {
	var kept strings.Builder
	for line := range strings.Lines(g.server) {
		wanted := true
		for _, is := range left {
			wanted = wanted && !is(line)
		}
		if wanted {
			kept.WriteString(strings.ReplaceAll(line, g.dir+"/log/", dir+"/"))
		}
	}
	return testbed.NginxConfig{HTTP: plainMap + g.http, Server: kept.String() + fmt.Sprintf(plainSite, target)}
}

// throughListener is a site that passes to its own upstream, with a listener on the port.
func (g generated) throughListener(dir string, port int) testbed.NginxConfig {
	own := regexp.MustCompile(`listen 127\.0\.0\.1:(\d+);`).FindStringSubmatch(g.listeners)
	text := g.http + g.listeners
	if own != nil { // else Nginx says what is wrong
		text = strings.ReplaceAll(text, "127.0.0.1:"+own[1]+";", fmt.Sprintf("127.0.0.1:%d;", port))
	}
	text = strings.ReplaceAll(text, g.dir+"/log/", dir+"/")
	return testbed.NginxConfig{HTTP: plainMap + text, Server: fmt.Sprintf(plainSite, siteUpstream)}
}

// startNginx starts one with a site.
func startNginx(ctx context.Context, site func(dir string) testbed.NginxConfig) (*testbed.Nginx, error) {
	n, err := testbed.NewNginx(testbed.NginxOptions{Workers: 2})
	if err != nil {
		return nil, err
	}
	if err = n.Configure(site(n.Dir)); err == nil {
		err = n.Start(ctx)
	}
	if err != nil {
		return nil, errors.Join(err, n.Close(context.WithoutCancel(ctx)))
	}
	return n, nil
}

// throughput is what one Nginx gave.
type throughput struct {
	name           string
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
		return fmt.Errorf("%s: %w", t.name, err)
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

// used is the CPU time of the workers so far, in seconds.
func (t *throughput) used() (sum float64, err error) {
	workers, err := t.nginx.Workers()
	if err != nil {
		return 0, err
	}
	for _, w := range workers {
		cpu, err := cpuOf(w.PID)
		if err != nil {
			return 0, err
		}
		sum += cpu
	}
	return sum, nil
}
