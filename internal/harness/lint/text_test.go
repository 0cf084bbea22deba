package lint

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// banned is what no file may say. There is no list of exceptions: where a rule
// is wrong, the rule is mended.
var banned = []struct {
	pattern *regexp.Regexp
	suffix  string // of the files it is banned in; "" is all
	mend    string
}{
	{
		regexp.MustCompile(`\b(proxy\.golang\.org|sum\.golang\.org|registry-1\.docker\.io|index\.docker\.io|hub\.docker\.com|docker\.io/|ghcr\.io|quay\.io|gcr\.io|` +
			`registry\.npmjs\.org|registry\.yarnpkg\.com|pypi\.org|files\.pythonhosted\.org|crates\.io|rubygems\.org|(deb|security|snapshot)\.debian\.org)`),
		"",
		"leave the choice of a registry or mirror to the machine's own configuration",
	},
	{
		regexp.MustCompile("(^|[\\s\"'`=:(,])/(home|Users|work|tmp/w)/[A-Za-z0-9._-]+"),
		"",
		"write a relative path, or take it from a flag, a variable or t.TempDir: this one exists on one machine only",
	},
	{
		// Spelled so that this line does not find itself.
		regexp.MustCompile(`\b(TO[D]O|FIX[M]E)\b`),
		"",
		"do it, or open an issue and write here what is true now",
	},
	{
		regexp.MustCompile(`\b(t|tb|b|f)\.Skip(Now|f)?\(`),
		"_test.go",
		"a test that does not run shows nothing: have .ci/setup install what it needs",
	},
	{
		regexp.MustCompile(`\btime\.Sleep\(`),
		"_test.go",
		"wait for the condition, with a deadline, or use testing/synctest",
	},
}

// checkText finds banned words in all files that Git tracks or would track.
func checkText(t testing.TB, h house) []string {
	t.Helper()
	var findings []string
	for _, name := range h.files {
		content, err := os.ReadFile(filepath.Join(h.root, name))
		if errors.Is(err, fs.ErrNotExist) {
			continue // deleted, and not committed yet
		}
		if err != nil {
			t.Fatal(err)
		}
		if bytes.IndexByte(content, 0) >= 0 {
			continue // not text
		}
		for i, line := range strings.Split(string(content), "\n") {
			for _, ban := range banned {
				if said := ban.pattern.FindString(line); said != "" && strings.HasSuffix(name, ban.suffix) {
					findings = append(findings, fmt.Sprintf("%s:%d: %q: %s", name, i+1, strings.TrimSpace(said), ban.mend))
				}
			}
		}
	}
	return findings
}
