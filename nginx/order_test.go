package nginx

import (
	"maps"
	"path"
	"slices"
	"strings"
	"testing"
)

// reader reads generated files in Nginx's way: an include is read where it stands.
// Variables and groups it looks up after it has read all files; only the format of a
// log has to have been read before.
type reader struct {
	files    map[string]string
	formats  map[string]bool
	findings []string
}

func (r *reader) read(name string) {
	for line := range strings.Lines(r.files[name]) {
		words := strings.Fields(strings.TrimRight(line, ";\n"))
		switch {
		case len(words) < 2:
		case words[0] == "include":
			for _, included := range slices.Sorted(maps.Keys(r.files)) {
				if match, _ := path.Match(path.Base(words[1]), included); match {
					r.read(included)
				}
			}
		case words[0] == "log_format":
			if r.formats[words[1]] {
				r.findings = append(r.findings, name+" has a second log_format "+words[1])
			}
			r.formats[words[1]] = true
		case words[0] == "access_log" && len(words) > 2 && !r.formats[words[2]]:
			r.findings = append(r.findings, name+" has the unknown log format "+words[2])
		}
	}
}

func TestRender_NoFileDependsOnTheOrderInWhichNginxReadsThem(t *testing.T) {
	for name, change := range renderings {
		files := map[string]string{}
		for _, app := range []string{"a", "tam", "tang", "web", "z9"} {
			rendered, _, err := render(someSite(func(s *site) { change(s); s.app = app }))
			if err != nil {
				t.Fatal(err)
			}
			for _, f := range rendered {
				files[f.name] = f.text
			}
		}
		inOrder := slices.DeleteFunc(slices.Sorted(maps.Keys(files)), func(name string) bool { return path.Ext(name) != confFile })
		inReverse := slices.Clone(inOrder)
		slices.Reverse(inReverse)
		for _, order := range [][]string{inOrder, inReverse} {
			r := reader{files: files, formats: map[string]bool{}}
			for _, file := range order {
				r.read(file)
			}
			r.read(ownName + serverFile) // a site, which reads the files first
			if len(r.findings) > 0 || len(r.formats) != 5 {
				t.Errorf("%s, read in the order %v: %q, with the formats %v", name, order, r.findings, r.formats)
			}
		}
	}
}
