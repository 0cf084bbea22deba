package demo

import (
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"text/tabwriter"
	"unicode/utf8"
)

// width is the longest line that is printed.
const width = 100

// teller writes the story. It keeps the first error of writing, so that the
// chapters need not look after it.
type teller struct {
	w        io.Writer
	color    bool
	chapters int
	err      error
}

// newTeller uses color only where a person will see it as such.
func newTeller(w io.Writer) *teller {
	t := &teller{w: w}
	if f, ok := w.(*os.File); ok && os.Getenv("NO_COLOR") == "" {
		info, err := f.Stat()
		t.color = err == nil && info.Mode()&os.ModeCharDevice != 0
	}
	return t
}

// chapter begins the next one.
func (t *teller) chapter(title string) {
	t.chapters++
	head := fmt.Sprintf("%d. %s", t.chapters, title)
	t.print("\n" + t.paint("1", head) + "\n" + strings.Repeat("-", utf8.RuneCountInString(head)) + "\n")
}

// say writes one paragraph.
func (t *teller) say(format string, args ...any) {
	t.print(wrap(fmt.Sprintf(format, args...), width) + "\n")
}

// command shows what a person types.
func (t *teller) command(line string) {
	t.print("  " + t.paint("36", "$ "+printable(line)) + "\n")
}

// show writes what is then seen, at most limit lines of it; 0 is no limit.
func (t *teller) show(text string, limit int) {
	lines := strings.Split(strings.TrimRight(text, "\n"), "\n")
	rest := 0
	if limit > 0 && len(lines) > limit {
		rest, lines = len(lines)-limit, lines[:limit]
	}
	var b strings.Builder
	for _, line := range lines {
		b.WriteString(strings.TrimRight("    "+clip(printable(line), width-4), " ") + "\n")
	}
	if rest > 0 {
		fmt.Fprintf(&b, "    … and %d more lines\n", rest)
	}
	t.print(b.String() + "\n")
}

// table writes two aligned columns.
func (t *teller) table(rows [][2]string) {
	var b strings.Builder
	tab := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	for _, r := range rows {
		_, _ = fmt.Fprintf(tab, "    %s\t%s\n", r[0], r[1]) // a strings.Builder takes everything
	}
	_ = tab.Flush() // the same
	t.print(b.String() + "\n")
}

func (t *teller) paint(code, text string) string {
	if !t.color {
		return text
	}
	return "\x1b[" + code + "m" + text + "\x1b[0m"
}

func (t *teller) print(text string) {
	if t.err == nil {
		_, t.err = io.WriteString(t.w, text)
	}
}

// wrap breaks a paragraph at blanks. A word that is longer than a line stays whole.
func wrap(text string, width int) string {
	var b strings.Builder
	column := 0
	for _, word := range strings.Fields(text) {
		n := utf8.RuneCountInString(word)
		switch {
		case column == 0:
		case column+1+n > width:
			b.WriteString("\n")
			column = 0
		default:
			b.WriteString(" ")
			column++
		}
		b.WriteString(word)
		column += n
	}
	return b.String() + "\n"
}

// clip shortens a line to n characters.
func clip(line string, n int) string {
	runes := []rune(line)
	if len(runes) <= n {
		return line
	}
	return string(runes[:n-1]) + "…"
}

// printable keeps what a container logs from steering the terminal.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if strconv.IsPrint(r) {
			return r
		}
		return '\u00b7'
	}, strings.ReplaceAll(s, "\t", "    "))
}
