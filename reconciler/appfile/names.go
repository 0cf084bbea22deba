package appfile

import (
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"tandem/internal/lib/strictyaml"
	"tandem/reconciler/deploy"
)

// ownName is how tandem names what belongs to no app.
const ownName = "tandem"

const nameRule = "small letters, digits and -, at most 40, the first one a letter"

func (p appParser) goodName(n strictyaml.Node, name string) bool {
	if deploy.ValidName(name) {
		return true
	}
	mend := ""
	if better := strings.NewReplacer("_", "-", ".", "-", " ", "-").Replace(strings.ToLower(name)); deploy.ValidName(better) {
		mend = "; write " + better
	}
	n.Fault("want a name of %s, got %s%s", nameRule, quoted(name), mend)
	return false
}

// servicePattern is what Compose allows.
var servicePattern = regexp.MustCompile(`^[A-Za-z0-9._-]{1,128}$`)

func (p appParser) service(n strictyaml.Node, to *string) bool {
	var name string
	if !n.Text(&name) {
		return false
	}
	if !servicePattern.MatchString(name) {
		n.Fault("want the name of a Compose service (letters, digits, . _ -), got %s", quoted(name))
		return false
	}
	*to = name
	return true
}

// path reads the name of a file inside the app's directory. Only that directory
// is exported from git, so nothing else could be there to be found.
func (p appParser) path(n strictyaml.Node, to *string) bool {
	var s string
	if !n.Text(&s) {
		return false
	}
	switch clean := path.Clean(s); {
	case s == "" || clean == ".":
		n.Fault("want the name of a file in the app's directory, got %s", quoted(s))
	case strings.HasPrefix(s, "/"):
		n.Fault("%s is absolute; write it relative to the app's directory", quoted(s))
	case strings.Contains(s, `\`):
		n.Fault("%s has a backslash; directories are separated by /", quoted(s))
	case slices.Contains(strings.Split(s, "/"), ".."):
		n.Fault("%s may lead out of the app's directory; put the file inside it and write the path without ..", quoted(s))
	case strings.HasSuffix(s, "/"):
		n.Fault("%s is a directory; name a file in it", quoted(s))
	default:
		*to = clean
		return true
	}
	return false
}

// quoted shows what somebody wrote, shortened.
func quoted(s string) string {
	const most = 60
	if r := []rune(s); len(r) > most {
		s = string(r[:most]) + "…"
	}
	return strconv.Quote(s)
}
