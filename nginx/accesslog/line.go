package accesslog

import (
	"bytes"
	"encoding/json"
	"math"
	"strconv"
	"strings"
	"time"

	"tandem/reconciler/deploy"
)

// accessLine is what the meter needs of one line of an access log.
type accessLine struct {
	ended  time.Time
	color  deploy.Color
	status int
	probe  bool // the agent's own
	passed bool // on to this app; a file that Nginx served by itself, or another app's request, was not
	took   time.Duration
	timed  bool // took is known
}

// lineStart begins each line. What a client sent cannot hold it: in a string its
// quotes are escaped.
var lineStart = []byte(`{"time":`)

// parseAccessLine reads one line. When a full disk cut an earlier one off, the next
// line stands behind what is left of it.
func parseAccessLine(line []byte, app string) (accessLine, bool) {
	if parsed, ok := parseWholeLine(line, app); ok {
		return parsed, true
	}
	if i := bytes.LastIndex(line, lineStart); i > 0 {
		return parseWholeLine(line[i:], app)
	}
	return accessLine{}, false
}

func parseWholeLine(line []byte, app string) (accessLine, bool) {
	var raw struct {
		Time      float64 `json:"time"`
		App       string  `json:"app"`
		Color     string  `json:"color"`
		Status    int     `json:"status"`
		Addr      string  `json:"upstream_addr"`
		Took      string  `json:"upstream_response_time"`
		ProxyHost string  `json:"proxy_host"`
		Probe     string  `json:"probe"`
	}
	if err := json.Unmarshal(line, &raw); err != nil {
		return accessLine{}, false
	}
	color, err := deploy.ParseColor(raw.Color)
	const latest = 1 << 40 // seconds; more does not fit into a time
	if err != nil || raw.App != app || raw.Status < 100 || raw.Status > 999 || raw.Time <= 0 || raw.Time > latest {
		return accessLine{}, false
	}
	l := accessLine{ended: time.UnixMilli(int64(math.Round(raw.Time * 1000))), color: color, status: raw.Status,
		probe: raw.Probe != "", passed: passedOn(app, raw.ProxyHost, raw.Addr)}
	l.took, l.timed = sumOfTimes(raw.Took)
	return l, true
}

// passedOn tells whether Nginx gave the request to the app. Only proxy_pass says to
// whom; of grpc_pass and the like, that there was somebody must do.
func passedOn(app, proxyHost, address string) bool {
	if proxyHost == "" {
		return address != ""
	}
	for _, start := range []string{app + "_", app + "-blue-", app + "-green-"} {
		if strings.HasPrefix(proxyHost, start) {
			return true
		}
	}
	return false
}

// sumOfTimes adds up what each stack that was asked for one request took:
// "0.012", "0.012, 0.004" after another was tried, "0.1 : 0.2" after a redirect
// inside Nginx, "-" for one that was not reached.
func sumOfTimes(s string) (sum time.Duration, known bool) {
	parts := strings.FieldsFunc(s, func(r rune) bool { return r == ',' || r == ':' || r == ' ' })
	for _, part := range parts {
		seconds, err := strconv.ParseFloat(part, 64)
		if err != nil || !(seconds >= 0) || seconds > 1e6 {
			continue
		}
		sum += time.Duration(seconds * float64(time.Second))
		known = true
	}
	return sum, known
}
