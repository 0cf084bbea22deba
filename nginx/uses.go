package nginx

import (
	"regexp"
	"strings"
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
