package stage

import (
	"os"
	"regexp"
	"strings"
	"time"
)

// Log is the agent's log, which all agents of one stage write on.
type Log struct{ Path string }

// LogLine is one line of it.
type LogLine struct {
	At   time.Time // zero for a line that is not the agent's
	Text string
}

// logTime finds the time with which a line of log/slog begins.
var logTime = regexp.MustCompile(`^time=(\S+) `)

// Size is how long the log is now: a mark to read from later.
func (f Log) Size() int64 {
	info, err := os.Stat(f.Path)
	if err != nil {
		return 0 // nobody has written yet
	}
	return info.Size()
}

// Since returns the whole lines after the mark.
func (f Log) Since(mark int64) []LogLine {
	data, err := os.ReadFile(f.Path)
	if err != nil || int64(len(data)) < mark {
		return nil // nobody has written yet
	}
	var lines []LogLine
	for text := range strings.Lines(string(data[mark:])) {
		whole, found := strings.CutSuffix(text, "\n")
		if !found {
			break // it is being written
		}
		line := LogLine{Text: whole}
		if m := logTime.FindStringSubmatch(whole); m != nil {
			line.At, _ = time.Parse(time.RFC3339Nano, m[1])
		}
		lines = append(lines, line)
	}
	return lines
}

// Tail returns the last lines, as they are.
func (f Log) Tail(n int) string {
	lines := f.Since(0)
	var out []string
	for _, l := range lines[max(0, len(lines)-n):] {
		out = append(out, l.Text)
	}
	return strings.Join(out, "\n")
}

// Is tells whether the line has the message and all of the words, such as "step=up".
func (l LogLine) Is(message string, words ...string) bool {
	if !strings.Contains(l.Text, ` msg="`+message+`" `) {
		return false
	}
	for _, w := range words {
		if !strings.Contains(l.Text+" ", " "+w+" ") {
			return false
		}
	}
	return true
}

// Value is what the line says of a key, "" where it says nothing or puts it in
// quotes.
func (l LogLine) Value(key string) string {
	_, rest, _ := strings.Cut(l.Text, " "+key+"=")
	value, _, _ := strings.Cut(rest, " ")
	return value
}

// Untimed is the line's text without its time.
func (l LogLine) Untimed() string { return logTime.ReplaceAllString(l.Text, "") }
