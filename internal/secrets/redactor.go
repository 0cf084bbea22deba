package secrets

import (
	"cmp"
	"encoding/base64"
	"encoding/json"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// MinLength is the length in bytes from which a value is taken out of texts. A
// shorter one ("1", "true", "5432") stands in too many texts that say something else.
const MinLength = 6

// Redactor takes secret values out of texts. The zero value knows none. It is safe
// for concurrent use.
type Redactor struct {
	mu       sync.RWMutex
	names    map[string]string // what must not be seen -> the name to show for it
	replacer *strings.Replacer // nil: there is nothing to look for
}

// Add makes the redactor know one more value, for ever: a container goes on
// printing the value that it was started with.
func (r *Redactor) Add(name, value string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	fresh := false
	for _, form := range forms(value) {
		if _, known := r.names[form]; !known && len(form) >= MinLength {
			if r.names == nil {
				r.names = map[string]string{}
			}
			r.names[form], fresh = name, true
		}
	}
	if !fresh {
		return
	}
	list := make([]string, 0, len(r.names))
	for form := range r.names {
		list = append(list, form)
	}
	// The longest first: one value may begin with another.
	slices.SortFunc(list, func(a, b string) int { return cmp.Or(cmp.Compare(len(b), len(a)), cmp.Compare(a, b)) })
	pairs := make([]string, 0, 2*len(list))
	for _, form := range list {
		pairs = append(pairs, form, "[secret "+r.names[form]+"]")
	}
	r.replacer = strings.NewReplacer(pairs...)
}

// Hide returns the text with "[secret NAME]" in place of each value that was
// added, also of one that is escaped, or of which only a line is there.
func (r *Redactor) Hide(text string) string {
	r.mu.RLock()
	defer r.mu.RUnlock()
	if r.replacer == nil {
		return text
	}
	return r.replacer.Replace(text)
}

// cutLength is how much of the end of a value is recognised where the rest was cut off.
const cutLength = 4

// HideCut is Hide for a text whose beginning was cut off, as by somebody who keeps the
// last lines of a log: where the cut fell into a value, the rest of that is taken out as
// well, if it has at least 4 bytes.
func (r *Redactor) HideCut(text string) string {
	r.mu.RLock()
	best, name := 0, ""
	for form, of := range r.names {
		for k := min(len(form)-1, len(text)); k >= cutLength && k > best; k-- {
			if text[:k] == form[len(form)-k:] {
				best, name = k, of
			}
		}
	}
	r.mu.RUnlock()
	if best > 0 {
		return "[secret " + name + "]" + r.Hide(text[best:])
	}
	return r.Hide(text)
}

// forms are the ways in which programs write a value.
func forms(value string) []string {
	value = strings.TrimSpace(value)
	plain := []string{value}
	if lines := strings.Split(value, "\n"); len(lines) > 1 {
		for _, line := range lines {
			// The first and last lines of a key say what it is, and are no secret.
			if line = strings.TrimSpace(line); !strings.HasPrefix(line, "-----") {
				plain = append(plain, line)
			}
		}
	}
	var all []string
	for _, p := range plain {
		all = append(all, p, inside(strconv.Quote(p)), inside(asJSON(p)), url.QueryEscape(p), url.PathEscape(p), url.UserPassword("", p).String()[1:],
			strings.ReplaceAll(p, "$", "$$"), strings.ReplaceAll(p, "'", "''"), strings.ReplaceAll(p, "'", `'\''`),
			base64.RawStdEncoding.EncodeToString([]byte(p)), base64.RawURLEncoding.EncodeToString([]byte(p)))
	}
	return all
}

func asJSON(s string) string {
	data, err := json.Marshal(s)
	if err != nil {
		return `""` // it is text; there is no such error
	}
	return string(data)
}

// inside takes the quotes away.
func inside(quoted string) string { return quoted[1 : len(quoted)-1] }
