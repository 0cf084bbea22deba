package compose

import (
	"regexp"
	"strconv"
	"strings"

	"tandem/reconciler"
)

var (
	yamlLine    = regexp.MustCompile(`\bline (\d+)\b`)
	servicePath = regexp.MustCompile(`\b((?:services|networks|volumes|configs|secrets|models|include)(?:[.\[][A-Za-z0-9_\-\]]+)*)`)
	quotedName  = regexp.MustCompile(`\bservice "([^"]+)"`)
)

// loadFault turns what the Compose loader says into a fault. The loader stops at
// its first error and knows lines only of broken YAML; otherwise the key that it
// names is looked up in the file.
func (f *file) loadFault(err error) error {
	text := err.Error()
	for i, full := range f.paths {
		text = strings.ReplaceAll(text, full, f.source[i].name)
	}
	text = strings.ReplaceAll(text, f.app.Root+"/", "")
	text = strings.TrimPrefix(text, "validating "+f.name()+": ")
	fault := reconciler.Fault{File: f.name(), Text: text}
	if m := yamlLine.FindStringSubmatch(text); m != nil {
		fault.Line, _ = strconv.Atoi(m[1]) // digits only; too many of them give no line
		return reconciler.Faults{fault}
	}
	var path []string
	if m := servicePath.FindStringSubmatch(text); m != nil {
		path = strings.FieldsFunc(m[1], func(r rune) bool { return strings.ContainsRune(".[]", r) })
		fault.Path = strings.Join(path, ".")
		fault.Text = strings.TrimPrefix(strings.TrimPrefix(text, m[1]), " ")
		fault.Text = strings.TrimPrefix(fault.Text, ": ")
	} else if m := quotedName.FindStringSubmatch(text); m != nil {
		path = at(m[1])
	}
	if len(path) > 0 {
		fault.File, fault.Line = f.source.locate(path...)
	}
	return reconciler.Faults{fault}
}
