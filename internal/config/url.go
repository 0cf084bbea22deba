package config

import (
	"log/slog"
	"net"
	"net/url"
	"regexp"
	"strings"
)

// URL is the address of a repository: ssh, https or a local path. Load refuses
// one with a credential in it; still, everything that prints a URL prints it
// without. Raw is the only way to the text itself.
type URL string

// Raw is the URL as it was written.
func (u URL) Raw() string { return string(u) }

// String is the URL without a password, without a user where the protocol lets a
// user be a secret, and without a query. Where it cannot tell, it leaves out more.
func (u URL) String() string {
	scheme, rest, ok := strings.Cut(string(u), "://")
	if !ok {
		return redactShort(string(u))
	}
	if at := strings.LastIndex(rest, "@"); at >= 0 && !strings.HasPrefix(rest, "/") {
		user := rest[:at] // or more: a password may hold any character
		if scheme != "ssh" || strings.ContainsAny(user, ":/?#@") {
			user = "***"
		}
		rest = user + rest[at:]
	}
	if end := strings.IndexAny(rest, "?#"); end >= 0 { // some servers take a token there
		rest = rest[:end]
	}
	return scheme + "://" + rest
}

// redactShort is String for user@host:path and for local paths.
func redactShort(s string) string {
	if colon := strings.Index(s, ":"); colon >= 0 && strings.Contains(s[colon:], "@") {
		return "***" + s[strings.LastIndex(s, "@"):]
	}
	return s
}

// GoString keeps %#v from printing what String leaves out.
func (u URL) GoString() string { return "config.URL(" + u.String() + ")" }

// LogValue keeps slog from printing what String leaves out.
func (u URL) LogValue() slog.Value { return slog.StringValue(u.String()) }

// MarshalText keeps encoders from writing what String leaves out.
func (u URL) MarshalText() ([]byte, error) { return []byte(u.String()), nil }

type transport string

const (
	transportLocal transport = "a local path"
	transportHTTP  transport = "https"
	transportSSH   transport = "ssh"
)

var shortSSH = regexp.MustCompile(`^(?:[A-Za-z0-9._-]+@)?(?:[A-Za-z0-9.-]+|\[[0-9a-fA-F:]+\]):[^:]`)

// transport tells how the repository is reached, or what is wrong with the URL.
// What is wrong is said without the URL.
func (u URL) transport() (transport, string) {
	const want = "want https://…, ssh://…, user@host:path, or a local path that begins with / or ./ or ../"
	s := string(u)
	switch {
	case s == "":
		return "", "is missing; write it in the agent's file, or give --repo-url or TANDEM_REPO_URL"
	case strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r == 0x7f }):
		return "", "holds a space or a control character; " + want
	case strings.HasPrefix(s, "-"):
		return "", "begins with -; " + want
	case strings.Contains(s, "://"):
		return schemed(s)
	case u.String() != s:
		return "", "looks as if it held a password; " + useFiles
	case shortSSH.MatchString(s):
		return transportSSH, ""
	case strings.HasPrefix(s, "/"), strings.HasPrefix(s, "./"), strings.HasPrefix(s, "../"):
		return transportLocal, ""
	}
	return "", want // git.example.com/acme/deploy is no local path by mistake
}

const useFiles = "write the URL without it, and name files in repo.auth instead: token_file for https, ssh_key for ssh"

func schemed(s string) (transport, string) {
	u, err := url.Parse(s)
	if err != nil {
		return "", "cannot be read as a URL; if it holds a password, " + useFiles
	}
	_, password := u.User.Password()
	switch {
	case password, u.User != nil && u.Scheme != "ssh":
		return "", "holds a user or a password; " + useFiles + " (and username where the server wants one)"
	case u.RawQuery != "" || u.Fragment != "":
		return "", "has a ? or a #; write the address of the repository only"
	case u.Scheme == "file" && u.Host == "" && strings.HasPrefix(u.Path, "/"):
		return transportLocal, ""
	case u.Scheme == "file":
		return "", "a file URL has three slashes: file:///path/to/repo.git"
	case u.Scheme != "https" && u.Scheme != "http" && u.Scheme != "ssh":
		return "", "this protocol is not supported; use https, ssh or a local path"
	case URL(s).String() != s:
		return "", "looks as if it held a password; " + useFiles
	case u.Hostname() == "" || strings.Trim(u.Path, "/") == "":
		return "", "needs a host and a path"
	case u.Scheme == "ssh":
		return transportSSH, ""
	}
	return transportHTTP, ""
}

// plain tells whether what is sent to the URL can be read on the way.
func (u URL) plain() bool {
	parsed, err := url.Parse(string(u))
	return err == nil && parsed.Scheme == "http" && !loopback(parsed.Hostname())
}

// host is the name of the server in lower case, empty for a local path.
func (u URL) host() string {
	how, wrong := u.transport()
	if wrong != "" || how == transportLocal {
		return ""
	}
	if parsed, err := url.Parse(string(u)); err == nil && parsed.Host != "" {
		return strings.ToLower(parsed.Hostname())
	}
	_, rest, found := strings.Cut(string(u), "@")
	if !found {
		rest = string(u)
	}
	name, _, _ := strings.Cut(rest, ":")
	return strings.ToLower(name)
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}
