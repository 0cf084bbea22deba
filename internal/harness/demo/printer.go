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

// printer writes the story. It keeps the first error of writing, so that the
// chapters need not look after it.
type printer struct {
	w        io.Writer
	color    bool
	chapters int
	err      error
}

// newPrinter uses color only where a person will see it as such.
func newPrinter(w io.Writer) *printer {
	t := &printer{w: w}
	if f, ok := w.(*os.File); ok && os.Getenv("NO_COLOR") == "" {
		info, err := f.Stat()
		t.color = err == nil && info.Mode()&os.ModeCharDevice != 0
	}
	return t
}

// chapter begins the next one.
func (t *printer) chapter(title string) {
	if t.chapters++; t.chapters == 1 {
		t.print("\n") // every other block ends with an empty line
	}
	head := fmt.Sprintf("%d. %s", t.chapters, title)
	t.print(t.paint("1", head) + "\n" + strings.Repeat("-", utf8.RuneCountInString(head)) + "\n")
}

// say writes one paragraph.
func (t *printer) say(format string, args ...any) {
	t.print(strings.Join(fold(fmt.Sprintf(format, args...), width), "\n") + "\n\n")
}

// command shows what a person types.
func (t *printer) command(line string) {
	t.print("  " + t.paint("36", "$ "+printable(line)) + "\n")
}

// show writes what is then seen. A line that is too long goes on in the next.
func (t *printer) show(text string) {
	var b strings.Builder
	for line := range strings.Lines(strings.TrimRight(text, "\n")) {
		line = printable(strings.TrimRight(line, "\n"))
		own := strings.Repeat(" ", len(line)-len(strings.TrimLeft(line, " ")))
		for i, part := range fold(strings.TrimSpace(line), max(20, width-8-len(own))) {
			if i > 0 {
				part = "    " + part
			}
			b.WriteString(strings.TrimRight("    "+own+part, " ") + "\n")
		}
	}
	t.print(b.String() + "\n")
}

// table writes two aligned columns.
func (t *printer) table(rows [][2]string) {
	var b strings.Builder
	tab := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	for _, r := range rows {
		_, _ = fmt.Fprintf(tab, "    %s\t%s\n", r[0], r[1]) // a strings.Builder takes everything
	}
	_ = tab.Flush() // the same
	t.print(b.String() + "\n")
}

func (t *printer) paint(code, text string) string {
	if !t.color {
		return text
	}
	return "\x1b[" + code + "m" + text + "\x1b[0m"
}

func (t *printer) print(text string) {
	if t.err == nil {
		_, t.err = io.WriteString(t.w, text)
	}
}

// fold breaks a line into parts of at most n characters, at blanks where there
// are some.
func fold(line string, n int) []string {
	var parts []string
	rest := []rune(line)
	for len(rest) > n {
		at := n
		for at > n/2 && rest[at] != ' ' {
			at--
		}
		if rest[at] != ' ' {
			at = n
		}
		parts = append(parts, string(rest[:at]))
		rest = []rune(strings.TrimLeft(string(rest[at:]), " "))
	}
	return append(parts, string(rest))
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
