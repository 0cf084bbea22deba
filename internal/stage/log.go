package demo

import (
	"os"
	"regexp"
	"strings"
	"time"
)

// logFile is the agent's log, which all agents of one demo write on.
type logFile struct{ path string }

// logLine is one line of it.
type logLine struct {
	at   time.Time
	text string
}

// logTime finds the time with which a line of log/slog begins.
var logTime = regexp.MustCompile(`^time=(\S+) `)

// size is how long the log is now: a mark to read from later.
func (f logFile) size() int64 {
	info, err := os.Stat(f.path)
	if err != nil {
		return 0 // nobody has written yet
	}
	return info.Size()
}

// since returns the whole lines after the mark.
func (f logFile) since(mark int64) []logLine {
	data, err := os.ReadFile(f.path)
	if err != nil || int64(len(data)) < mark {
		return nil // nobody has written yet
	}
	var lines []logLine
	for text := range strings.Lines(string(data[mark:])) {
		whole, found := strings.CutSuffix(text, "\n")
		if !found {
			break // it is being written
		}
		line := logLine{text: whole}
		if m := logTime.FindStringSubmatch(whole); m != nil {
			line.at, _ = time.Parse(time.RFC3339Nano, m[1]) // zero for a line that is not the agent's
		}
		lines = append(lines, line)
	}
	return lines
}

// tail returns the last lines, as they are.
func (f logFile) tail(n int) string {
	lines := f.since(0)
	var out []string
	for _, l := range lines[max(0, len(lines)-n):] {
		out = append(out, l.text)
	}
	return strings.Join(out, "\n")
}

// is tells whether the line has the message and all of the words, such as "step=up".
func (l logLine) is(message string, words ...string) bool {
	if !strings.Contains(l.text, ` msg="`+message+`" `) {
		return false
	}
	for _, w := range words {
		if !strings.Contains(l.text+" ", " "+w+" ") {
			return false
		}
	}
	return true
}

// short is the line without what every line of the story has in common.
func (l logLine) short(app string) string {
	text := logTime.ReplaceAllString(l.text, "")
	for _, common := range []string{" app=" + app, "level=INFO ", "msg="} {
		text = strings.Replace(text, common, "", 1)
	}
	if !l.is("new commit") {
		text = commitAttr.ReplaceAllString(text, "")
	}
	return l.at.Format("15:04:05.000") + " " + strings.NewReplacer(`"step done"`, "step done:", `"new commit"`, "new commit:").Replace(text)
}

var commitAttr = regexp.MustCompile(` commit=\S+`)

// telling picks the lines that a newcomer should see, and as much of each as fits.
func telling(lines []logLine, app string) string {
	var out []string
	for _, l := range lines {
		for _, message := range []string{"tandem runs", "new commit", "step done", "release rejected", "put right"} {
			if l.is(message) {
				out = append(out, clip(l.short(app), width-8))
			}
		}
	}
	return strings.Join(out, "\n")
}
