package deploy

import (
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"
)

// Health says how a route is asked for its health, and what a healthy answer is. It is no
// part of the release: asking in another way changes no container.
type Health struct {
	Path       string        // begins with "/"
	StatusMin  int           // lowest status that is healthy, inclusive
	StatusMax  int           // highest status that is healthy, inclusive
	MaxLatency time.Duration // an answer that takes longer is late
	Host       string        // the name that the app is asked under; empty: where it listens, 127.0.0.1:PORT
	Headers    []Header      // more that the question says, sorted by name
}

// Header is one line of a question's head.
type Header struct{ Name, Value string }

// HostAt is the Host that a question says which goes to that port of 127.0.0.1.
func (h Health) HostAt(port int) string {
	if h.Host != "" {
		return h.Host
	}
	return "127.0.0.1:" + itoa(port)
}

// SameQuestion tells whether both ask an app for the same: one that knows the first may not
// have learned the second's name yet.
func (h Health) SameQuestion(other Health) bool {
	return h.Path == other.Path && h.Host == other.Host && slices.Equal(h.Headers, other.Headers)
}

// Sick says what is wrong with an answer, and nothing when it is healthy.
func (h Health) Sick(p Probe) string {
	switch {
	case p.Took > h.MaxLatency:
		return fmt.Sprintf("%s took longer than %s", h.Path, h.MaxLatency)
	case p.Err != nil:
		return fmt.Sprintf("%s: %v", h.Path, p.Err)
	case p.Status < h.StatusMin || p.Status > h.StatusMax:
		return h.wrongStatus(p)
	default:
		return ""
	}
}

// wrongStatus names the key that mends it, where an app answers like that to whom it takes
// for a stranger: Django and Rails know their own names only, and many lead plain HTTP to
// HTTPS.
func (h Health) wrongStatus(p Probe) string {
	text := fmt.Sprintf("%s answered %d, healthy is %s", h.Path, p.Status, h.statusText())
	switch p.Status {
	case 400, 403, 421:
		if p.Host == "" {
			return text
		}
		text = fmt.Sprintf("%s answered %d to Host %s, healthy is %s", h.Path, p.Status, p.Host, h.statusText())
		if h.Host == "" {
			return text + "; if it wants the site's name, write " + h.with("host: <the site's name>", h.headersText(""))
		}
		return text + "; if that is not the site's name, mend health.host, and if it wants more than the name, write it as headers: {X-Forwarded-Proto: https}"
	case 301, 302, 303, 307, 308:
		if p.Location == "" {
			return text
		}
		return text + h.redirect(p)
	default:
		return text
	}
}

// redirect says where one leads, and what makes the app answer instead.
func (h Health) redirect(p Probe) string {
	to, err := url.Parse(p.Location)
	if err != nil || !plainHost.MatchString(to.Host) {
		return ""
	}
	host := h.hostText()
	if to.Host != "" && h.Host == "" && !strings.EqualFold(withoutPort(to.Host), withoutPort(p.Host)) {
		host = "host: " + withoutPort(to.Host)
	}
	switch {
	case to.Scheme == "https" && !h.saysHTTPS():
		return ": it leads to https; write " + h.with(host, h.headersText("X-Forwarded-Proto: https"))
	case host != h.hostText():
		return ": it leads to " + to.Host + "; write " + h.with(host, h.headersText(""))
	case to.Path != "" && to.Path != h.barePath() && plainPath.MatchString(to.Path):
		return ": it leads to " + to.Path + ", which may be the path to ask for"
	case to.Scheme == "https":
		return ": it leads to https, although it was told X-Forwarded-Proto: https; what else it wants to hear goes under health.headers"
	default:
		return ""
	}
}

var (
	plainHost = regexp.MustCompile(`^[A-Za-z0-9.:\[\]_-]{0,253}$`)
	plainPath = regexp.MustCompile(`^/[A-Za-z0-9._/~-]{0,100}$`)
	plainYAML = regexp.MustCompile(`^[A-Za-z0-9/_.~-][A-Za-z0-9/_.~?=&-]*$`)
)

func withoutPort(host string) string { return (&url.URL{Host: host}).Hostname() }

func (h Health) barePath() string {
	path, _, _ := strings.Cut(h.Path, "?")
	return path
}

func (h Health) saysHTTPS() bool {
	for _, x := range h.Headers {
		if strings.EqualFold(x.Name, "X-Forwarded-Proto") && strings.EqualFold(x.Value, "https") {
			return true
		}
	}
	return false
}

// with is the key as somebody would write it, with these lines in it.
func (h Health) with(lines ...string) string {
	all := []string{"path: " + yamlWord(h.Path)}
	if h.StatusMin != 200 || h.StatusMax != 299 {
		all = append(all, "status: "+h.statusText())
	}
	for _, l := range lines {
		if l != "" {
			all = append(all, l)
		}
	}
	return "health: {" + strings.Join(all, ", ") + "}"
}

func (h Health) hostText() string {
	if h.Host == "" {
		return ""
	}
	return "host: " + yamlWord(h.Host)
}

// headersText is the headers with one more.
func (h Health) headersText(more string) string {
	var all []string
	for _, x := range h.Headers {
		if name, _, _ := strings.Cut(more, ":"); !strings.EqualFold(name, x.Name) {
			all = append(all, x.Name+": "+yamlWord(x.Value))
		}
	}
	if more != "" {
		all = append(all, more)
	}
	if len(all) == 0 {
		return ""
	}
	return "headers: {" + strings.Join(all, ", ") + "}"
}

// yamlWord is text as it may stand between the braces of YAML.
func yamlWord(s string) string {
	if plainYAML.MatchString(s) {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", "''") + "'"
}

func (h Health) statusText() string {
	if h.StatusMin == h.StatusMax {
		return itoa(h.StatusMin)
	}
	return itoa(h.StatusMin) + "-" + itoa(h.StatusMax)
}
