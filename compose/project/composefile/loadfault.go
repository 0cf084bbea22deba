package composefile

import (
	"regexp"
	"slices"
	"strconv"
	"strings"

	"tandem/internal/lib/plaintext"
	"tandem/reconciler/deploy"
)

var (
	yamlLine     = regexp.MustCompile(`\b(?:line |L)(\d+)\b`)
	namedPath    = regexp.MustCompile(`\b(?:services|networks|volumes|configs|secrets|models|include)(?:[.\[][A-Za-z0-9_\-\]]+)+`)
	namedService = regexp.MustCompile(`^service "([^"]+)"`)
	unknownKey   = regexp.MustCompile(`additional properties '([^']+)'.* not allowed`)
)

// loadFault turns what the Compose loader says into a fault. The loader stops at
// its first error and knows lines only of broken YAML; otherwise the key that it
// names is looked up in the file.
func (f *File) loadFault(err error) error {
	text := f.tidy(err.Error())
	if found := f.Secrets.Found(text); len(found) > 0 {
		path := pathIn(text)
		name, line := f.source.locate(path...)
		return deploy.Faults{{File: name, Line: line, Path: strings.Join(path, "."), Text: SecretAdvice(found[0], path)}}
	}
	text = plaintext.WithoutEscapes([]byte(text))
	fault := deploy.Fault{File: f.Name(), Text: text}
	if m := yamlLine.FindStringSubmatch(text); m != nil {
		fault.Line, _ = strconv.Atoi(m[1]) // digits only; too many of them give no line
		return deploy.Faults{fault}
	}
	path := pathIn(text)
	fault.Text = strings.TrimLeft(strings.TrimPrefix(text, strings.Join(path, ".")), ": ")
	switch {
	case unknownKey.MatchString(text):
		key := unknownKey.FindStringSubmatch(text)[1]
		path = append(path, key)
		fault.Text = "Compose knows no such key here: correct its name, or remove it"
	case strings.Contains(text, "neither an image nor a build"):
		fault.Text = "the service has no image: write image: <repository>:${TAG}, or build: and build: true in tandem.yaml"
	case strings.Contains(text, "depends on undefined service"):
		path = append(path, "depends_on")
	}
	fault.Path = strings.Join(path, ".")
	if len(path) > 0 {
		fault.File, fault.Line = f.source.locate(path...)
	}
	return deploy.Faults{fault}
}

// tidy takes away what only repeats the place, and the directory of this host.
func (f *File) tidy(text string) string {
	for i, full := range f.paths {
		text = strings.ReplaceAll(text, full, f.source[i].name)
	}
	text = strings.ReplaceAll(text, f.App.Root+"/", "")
	for _, prefix := range []string{"validating ", "failed to parse "} {
		text = strings.TrimPrefix(text, prefix+f.Name()+": ")
	}
	text = strings.TrimSuffix(text, ": invalid compose project")
	return strings.TrimPrefix(text, "error while interpolating ")
}

// pathIn returns the path of keys that a message of the loader names.
func pathIn(text string) []string {
	if named := namedPath.FindString(text); named != "" {
		return strings.FieldsFunc(named, func(r rune) bool { return slices.Contains([]rune(".[]"), r) })
	}
	if m := namedService.FindStringSubmatch(text); m != nil {
		return inService(m[1])
	}
	return nil
}
