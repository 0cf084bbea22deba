package demo

import (
	"regexp"
	"strings"

	"tandem/internal/harness/stage"
)

// short is the line without what every line of the story has in common.
func short(l stage.LogLine, app string) string {
	text := l.Untimed()
	for _, common := range []string{" app=" + app, "level=INFO ", "msg="} {
		text = strings.Replace(text, common, "", 1)
	}
	if !l.Is("new commit") {
		text = commitAttr.ReplaceAllString(text, "")
	}
	return l.At.Format("15:04:05.000") + " " + strings.NewReplacer(`"step done"`, "step done:", `"new commit"`, "new commit:").Replace(text)
}

var commitAttr = regexp.MustCompile(` commit=\S+`)

// logExcerpt picks the lines that a newcomer should see, and as much of each as fits.
func logExcerpt(lines []stage.LogLine, app string) string {
	var out []string
	for _, l := range lines {
		for _, message := range []string{"tandem runs", "new commit", "step done", "release rejected", "put right"} {
			if l.Is(message) {
				out = append(out, clip(short(l, app), width-8))
			}
		}
	}
	return strings.Join(out, "\n")
}
