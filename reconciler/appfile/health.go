package appfile

import (
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"tandem/internal/lib/strictyaml"
	"tandem/reconciler/deploy"
)

func (p appParser) health(n strictyaml.Node, to *deploy.Health) {
	if !n.Present() {
		n.Fault("is missing; write the path that answers when the service is well, such as health: /health")
		return
	}
	if !n.IsMapping() {
		p.healthPath(n, to)
		return
	}
	n.Mapping("path", "status", "max_latency", "host", "headers")
	where := n.Get("path")
	if !where.Present() {
		where.Fault("is missing; write the path that answers when the service is well, such as path: /health")
	}
	p.healthPath(where, to)
	p.status(n.Get("status"), to)
	n.Get("max_latency").Duration(&to.MaxLatency, time.Millisecond, time.Minute)
	p.healthHost(n.Get("host"), to)
	p.healthHeaders(n.Get("headers"), to)
}

// hostPattern is a name or an address, with a port or without: what Nginx and servers take
// as a Host. A name may have an underscore, as some inside a company do.
var hostPattern = regexp.MustCompile(`^(?:[A-Za-z0-9_](?:[A-Za-z0-9_.-]*[A-Za-z0-9_])?|\[[0-9A-Fa-f:.]{2,45}\])(?::([0-9]{1,5}))?$`)

const hostLength = 253

func (p appParser) healthHost(n strictyaml.Node, to *deploy.Health) {
	var s string
	if !n.Present() || !n.Text(&s) || s == "" { // an empty one is the default, written out
		return
	}
	port, mend := "", ""
	if m := hostPattern.FindStringSubmatch(s); m != nil {
		port = m[1]
	} else if u, err := url.Parse(s); err == nil && hostPattern.MatchString(u.Host) {
		mend = "; write " + u.Host
	}
	number, err := strconv.Atoi(port)
	switch {
	case !hostPattern.MatchString(s) || len(s) > hostLength || strings.Contains(s, ".."):
		n.Fault("want the name of the site as a browser sends it, such as shop.example.com, got %s%s", quoted(s), mend)
	case port != "" && (err != nil || number < 1 || number > 65535):
		n.Fault("want a port from 1 to 65535 behind the name, got %s", quoted(s))
	default:
		to.Host = s
	}
}

// What the headers of a question may be. Nginx takes 32 KiB of them.
const (
	maxHeaders   = 16
	headerLength = 1000
)

// headerPattern leaves out the underscore, which is allowed, because Nginx drops such a
// header on its way.
var (
	headerPattern = regexp.MustCompile(`^[A-Za-z0-9-]{1,64}$`)
	valuePattern  = regexp.MustCompile(`^[!-~](?:[ -~]*[!-~])?$`)
)

// connectionHeaders are about the connection and the body, of which the one who asks decides.
var connectionHeaders = []string{"connection", "content-length", "expect", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade"}

func (p appParser) healthHeaders(n strictyaml.Node, to *deploy.Health) {
	if !n.Present() || !n.Mapping() {
		return
	}
	lines := map[string]int{}
	for name, entry := range n.Entries() {
		lower := strings.ToLower(name)
		value := ""
		switch first, twice := lines[lower]; {
		case len(lines) == maxHeaders:
			entry.Fault("one header too many; a question has %d at most", maxHeaders)
			return
		case lower == "host":
			entry.Fault("the host has a key of its own, beside headers; write host: %s", strings.TrimSpace(entry.Written()))
		case slices.Contains(connectionHeaders, lower):
			entry.Fault("%s is about the connection, which the agent makes; leave it out", name)
		case strings.Contains(name, "_"):
			entry.Fault("%s has an underscore, and Nginx drops such headers; is it %s?", name, strings.ReplaceAll(name, "_", "-"))
		case !headerPattern.MatchString(name):
			entry.Fault("want the name of a header (letters, digits, -), got %s", quoted(name))
		case twice:
			entry.Fault("is there already, on line %d", first)
		case !entry.Literal(&value):
		case value != "" && !valuePattern.MatchString(value) || len(value) > headerLength:
			entry.Fault("want at most %d characters of plain text on one line, got %s", headerLength, quoted(value))
		default:
			to.Headers = append(to.Headers, deploy.Header{Name: http.CanonicalHeaderKey(name), Value: value})
		}
		lines[lower] = entry.Line
	}
	slices.SortFunc(to.Headers, func(a, b deploy.Header) int { return strings.Compare(a.Name, b.Name) })
}

var healthPattern = regexp.MustCompile(`^/[!-~]*$`)

// healthLength is the longest path. A pattern that counted as far would take a
// megabyte of memory in every process.
const healthLength = 901

func (p appParser) healthPath(n strictyaml.Node, to *deploy.Health) {
	var s string
	if !n.Text(&s) {
		return
	}
	_, err := url.ParseRequestURI(s)
	switch {
	case !strings.HasPrefix(s, "/"):
		n.Fault("want a path that begins with /, such as /health, got %s", quoted(s))
	case strings.HasPrefix(s, "//") || strings.Contains(s, "#") || len(s) > healthLength || !healthPattern.MatchString(s) || err != nil:
		n.Fault("want a path as it stands in an HTTP request (no spaces, no #, no //), got %s", quoted(s))
	default:
		to.Path = s
	}
}

var statusPattern = regexp.MustCompile(`^([2-5][0-9]{2})(?:-([2-5][0-9]{2}))?$`)

func (p appParser) status(n strictyaml.Node, to *deploy.Health) {
	if !n.Present() {
		return
	}
	var s string
	if !n.Literal(&s) {
		return
	}
	m := statusPattern.FindStringSubmatch(s)
	if m == nil {
		n.Fault("want a status or a range of them from 200 to 599, such as 200 or 200-299, got %s", quoted(s))
		return
	}
	if m[2] == "" {
		m[2] = m[1]
	}
	// The pattern leaves only digits, so neither conversion can fail.
	least, _ := strconv.Atoi(m[1])
	most, _ := strconv.Atoi(m[2])
	if least > most {
		n.Fault("the range %s is empty; write the lower status first: %d-%d", s, most, least)
		return
	}
	to.StatusMin, to.StatusMax = least, most
}
