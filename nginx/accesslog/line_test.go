package accesslog

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tandem/internal/harness/testbed/fuzzline"
	"tandem/reconciler/deploy"
)

// someLine is a line as the generated log_format writes it.
func someLine(change ...string) string {
	return strings.NewReplacer(change...).Replace(`{"time":1700000000.123,"app":"shop","color":"blue","status":200,` +
		`"method":"GET","uri":"/a","request_time":0.020,"upstream_addr":"127.0.0.1:3001","upstream_status":"200",` +
		`"upstream_response_time":"0.012","proxy_host":"shop_api_blue","probe":""}`)
}

func TestParseAccessLine_ReadsWhatTheMeterNeeds(t *testing.T) {
	usual := accessLine{ended: time.UnixMilli(1700000000123), color: deploy.Blue, status: 200, passed: true, took: 12 * time.Millisecond, timed: true}
	but := func(change func(*accessLine)) accessLine {
		l := usual
		change(&l)
		return l
	}
	for name, c := range map[string]struct {
		line string
		want accessLine
	}{
		"as usual":                {someLine(), usual},
		"green":                   {someLine(`"blue"`, `"green"`), but(func(l *accessLine) { l.color = deploy.Green })},
		"an error":                {someLine(`:200`, `:502`), but(func(l *accessLine) { l.status = 502 })},
		"a probe":                 {someLine(`"probe":""`, `"probe":"1"`), but(func(l *accessLine) { l.probe = true })},
		"answered by the backup":  {someLine(`"0.012"`, `"0.010, 0.004"`, `"shop_api_blue"`, `"shop_api_blue_backup"`), but(func(l *accessLine) { l.took = 14 * time.Millisecond })},
		"redirected inside Nginx": {someLine(`"0.012"`, `"0.1 : 0.2"`), but(func(l *accessLine) { l.took = 300 * time.Millisecond })},
		"one was not reached":     {someLine(`"0.012"`, `"-, 0.004"`), but(func(l *accessLine) { l.took = 4 * time.Millisecond })},
		"nobody was reached":      {someLine(`"0.012"`, `"-"`), but(func(l *accessLine) { l.took, l.timed = 0, false })},
		"served by Nginx itself": {someLine(`"0.012"`, `""`, `"shop_api_blue"`, `""`, `"127.0.0.1:3001"`, `""`),
			but(func(l *accessLine) { l.took, l.timed, l.passed = 0, false, false })},
		"another app's":             {someLine(`"shop_api_blue"`, `"pear_web_blue"`), but(func(l *accessLine) { l.passed = false })},
		"another app's, named like": {someLine(`"shop_api_blue"`, `"shop-x_api_blue"`), but(func(l *accessLine) { l.passed = false })},
		"by a container's name":     {someLine(`"shop_api_blue"`, `"shop-blue-api-1:3000"`), usual},
		"through grpc_pass":         {someLine(`"shop_api_blue"`, `""`), usual},
		"of an earlier version":     {someLine(`,"proxy_host":"shop_api_blue","probe":""`, ``), usual},
		"behind a torn one":         {someLine()[:50] + someLine(`"blue"`, `"green"`), but(func(l *accessLine) { l.color = deploy.Green })},
		"behind one that is whole":  {someLine(`"blue"`, `"green"`) + someLine(), usual},
		"a client's trick":          {someLine(`"/a"`, `"/{\"time\":1,\"app\":\"shop\",\"color\":\"green\",\"status\":500"`), usual},
	} {
		got, ok := parseAccessLine([]byte(c.line), "shop")
		if diff := cmp.Diff(c.want, got, cmp.AllowUnexported(accessLine{})); !ok || diff != "" {
			t.Errorf("%s: read %v (-want +got):\n%s", name, ok, diff)
		}
	}
}

func TestParseAccessLine_RefusesWhatIsNotOurs(t *testing.T) {
	for name, line := range map[string]string{
		"empty":         "",
		"torn":          someLine()[:120],
		"combined":      `127.0.0.1 - - [01/Jan/2026:00:00:00 +0000] "GET / HTTP/1.1" 200 5 "-" "curl"`,
		"another app's": someLine(`"shop"`, `"pear"`),
		"no color":      someLine(`"blue"`, `""`),
		"no status":     someLine(`:200`, `:0`),
		"no time":       someLine(`1700000000.123`, `0`),
		"absurd time":   someLine(`1700000000.123`, `1e300`),
	} {
		if got, ok := parseAccessLine([]byte(line), "shop"); ok {
			t.Errorf("%s: got %+v", name, got)
		}
	}
}

// FuzzAccessLine checks that no line is read as something that cannot be.
func FuzzAccessLine(f *testing.F) {
	f.Add(someLine())
	f.Add(someLine()[:50] + someLine())
	f.Add(someLine(`"0.012"`, `"-, 1e9 : -4, NaN, Inf"`))
	f.Add(someLine(`1700000000.123`, `1e18`))
	f.Add(`{"time":`)
	memory := fuzzline.Line{Base: 4 << 20, PerKiB: 256 << 10}
	f.Fuzz(func(t *testing.T, line string) {
		var l accessLine
		var ok bool
		memory.Hold(t, len(line), func() { l, ok = parseAccessLine([]byte(line), "shop") })
		if !ok {
			if l != (accessLine{}) {
				t.Fatalf("refused, but got %+v", l)
			}
			return
		}
		if !l.color.Valid() || l.status < 100 || l.status > 999 || l.took < 0 || !l.timed && l.took != 0 || l.ended.Unix() < 0 {
			t.Fatalf("%q: got %+v", line, l)
		}
		h := newHistory()
		h.add(l)
		got := h.since(l.ended)
		if got.Requests+got.Probes > 1 || got.Errors > got.Requests || got.P95 < 0 {
			t.Fatalf("%q: got %+v", line, got)
		}
	})
}
