package nginx

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	"tandem/reconciler/deploy"
)

// use is one line of a person's configuration that has a name of tandem's.
type use struct {
	file string // as Nginx names it
	line int
	text string // the line, without the space around it
}

// uses finds where `nginx -T` has a name outside of tandem's own files: "$shop_api" is a
// variable, also where it is written ${shop_api}, and "shop_api" is a group of servers. A
// comment uses nothing. A file that Nginx reads more than once is there once.
func uses(configuration, name string) []use {
	if name == "" {
		return nil
	}
	pattern := `(?:^|[^\w.${-])` + regexp.QuoteMeta(name) + `(?:[^\w.-]|$)`
	if variable, ok := strings.CutPrefix(name, "$"); ok {
		pattern = `\$(?:` + regexp.QuoteMeta(variable) + `(?:\W|$)|\{` + regexp.QuoteMeta(variable) + `\})`
	}
	named := regexp.MustCompile(pattern)
	var found []use
	at, generated := use{}, false
	for text := range strings.Lines(configuration) {
		if m := mainFile.FindStringSubmatch(text); m != nil {
			at, generated = use{file: m[1]}, false
			continue
		}
		at.line++
		at.text = strings.TrimSpace(text)
		generated = generated || at.line == 1 && strings.HasPrefix(text, marker)
		if !generated && named.MatchString(withoutComment(at.text)) {
			found = append(found, at)
		}
	}
	return found
}

// declares tells whether the line makes a group of servers of that name.
func (u use) declares(name string) bool {
	return regexp.MustCompile(`\bupstream\s+["']?` + regexp.QuoteMeta(name) + `["']?(?:[\s{]|$)`).MatchString(u.text)
}

// withoutComment cuts a line where a comment begins: at a "#" that begins a word and
// stands in no quotes.
func withoutComment(line string) string {
	quote, before := byte(0), byte(' ')
	for i := range len(line) {
		c := line[i]
		switch {
		case before == '\\':
			c = 'x' // whatever it is, it means itself
		case quote == 0 && c == '#' && strings.IndexByte(" \t;{}", before) >= 0:
			return line[:i]
		case quote == 0 && (c == '"' || c == '\''):
			quote = c
		case c == quote:
			quote = 0
		}
		before = c
	}
	return line
}

// described names lines, as a person finds them: the first of them with what they say.
func described(all []use) string {
	const told = 3
	var words []string
	for i, u := range all {
		if i == told {
			words = append(words, fmt.Sprintf("and %d more", len(all)-told))
			break
		}
		words = append(words, fmt.Sprintf("%s:%d says %q", u.file, u.line, u.text))
	}
	return strings.Join(words, ", ")
}

// goneName is how Nginx says that it misses a name. It does not always say where.
var goneName = regexp.MustCompile(`unknown "(\w+)" variable|host not found in upstream "([\w.-]+)"`)

// missingName is the name that Nginx misses, as uses wants it; empty: it misses none.
func missingName(refused error) string {
	switch m := goneName.FindStringSubmatch(refused.Error()); {
	case m == nil:
		return ""
	case m[1] != "":
		return "$" + m[1]
	default:
		return m[2]
	}
}

// located adds to Nginx's words which lines of the configuration have the name that it
// misses.
func located(refused error, configuration string) error {
	name := missingName(refused)
	found := uses(configuration, name)
	var router *deploy.RouterError
	if len(found) == 0 || !errors.As(refused, &router) {
		return refused
	}
	return &deploy.RouterError{Reason: router.Reason, Err: router.Err, Detail: fmt.Sprintf(
		"%s\n%s, and tandem's files would not define %s any more; they were put back. Take the line out, or pass to the variable of a route there (http://$APP_ROUTE), and reload Nginx",
		router.Detail, described(found), name)}
}
