package appfile

import (
	"strings"
	"testing"

	"tandem/reconciler/deploy"
)

// TestParseApp_ABuildNeedsNoTag leaves the tag to the commit.
func TestParseApp_ABuildNeedsNoTag(t *testing.T) {
	for name, c := range map[string]struct{ text, hash, tag string }{
		"the commit": {"build: true\n", strings.Repeat("0123456789", 4), "012345678901"},
		"no commit":  {"build: true\n", "", "uncommitted"},
		"a tag":      {"build: true\ntag: \"1.4.2\"\n", strings.Repeat("a", 40), "1.4.2"},
	} {
		t.Run(name, func(t *testing.T) {
			file := tandemYAML(c.text + goodRoutes)
			file.Commit = deploy.Commit{Hash: c.hash}
			app, err := ParseApp(file)
			if err != nil || !app.Build || app.Tag != c.tag {
				t.Errorf("build is %v with the tag %q (%v), want %q", app.Build, app.Tag, err, c.tag)
			}
		})
	}
	for text, want := range map[string]string{
		"build: yes\ntag: \"1\"\n": "build: want true or false, got \"yes\"",
		"build: false\n":           "tag: is missing",
		"build: ./api\n":           "build: want true or false, got \"./api\"",
	} {
		if _, err := ParseApp(tandemYAML(text + goodRoutes)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q says %v, want %q", text, err, want)
		}
	}
}
