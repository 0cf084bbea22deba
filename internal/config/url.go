package config

import (
	"log/slog"
	"strings"

	"tandem/internal/lib/giturl"
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
	}
	parsed, err := giturl.Parse(s)
	switch {
	case err != nil:
		return "", err.Error()
	case parsed.Scheme == giturl.SSH:
		return transportSSH, ""
	case strings.HasPrefix(s, "/"), strings.HasPrefix(s, "./"), strings.HasPrefix(s, "../"):
		return transportLocal, ""
	}
	return "", want // git.example.com/acme/deploy is no local path by mistake
}

const useFiles = "write the URL without it, and name files in repo.auth instead: token_file for https, ssh_key for ssh"

func schemed(s string) (transport, string) {
	parsed, err := giturl.Parse(s)
	switch {
	case err != nil && URL(s).String() != s:
		return "", err.Error() + "; if it holds a password, " + useFiles
	case err != nil:
		return "", err.Error()
	}
	_, password := parsed.User.Password()
	switch {
	case password, parsed.User != nil && parsed.Scheme != giturl.SSH:
		return "", "holds a user or a password; " + useFiles + " (and username where the server wants one)"
	case URL(s).String() != s:
		return "", "looks as if it held a password; " + useFiles
	case parsed.Scheme == giturl.SSH:
		return transportSSH, ""
	case parsed.Scheme != giturl.File:
		return transportHTTP, ""
	case parsed.Host != "" || !strings.HasPrefix(parsed.Path, "/"):
		return "", "a file URL has three slashes: file:///path/to/repo.git"
	}
	return transportLocal, ""
}

// plain tells whether what is sent to the URL can be read on the way.
func (u URL) plain() bool {
	parsed, err := giturl.Parse(string(u))
	return err == nil && giturl.Plain(parsed)
}

// host is the name of the server in lower case, empty for a local path.
func (u URL) host() string {
	if _, wrong := u.transport(); wrong != "" {
		return ""
	}
	parsed, err := giturl.Parse(string(u))
	if err != nil {
		return ""
	}
	return strings.ToLower(parsed.Hostname())
}
