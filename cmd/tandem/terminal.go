package main

import (
	"io"
	"os"
	"strconv"
	"strings"
	"unicode/utf8"

	"golang.org/x/sys/unix"
)

// printable makes text safe to show on one line of a terminal: control
// characters, bytes that are no UTF-8 and the invisible characters that reverse
// or hide text appear as the escapes Go would write for them (\x1b, \n, \u202e).
// What a container logs or a commit says could otherwise move the cursor, change
// the title or forge a line.
func printable(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); {
		r, size := utf8.DecodeRuneInString(s[i:])
		if r == utf8.RuneError && size == 1 || !strconv.IsPrint(r) {
			b.WriteString(escape(s[i : i+size]))
		} else {
			b.WriteString(s[i : i+size])
		}
		i += size
	}
	return b.String()
}

func escape(char string) string {
	quoted := strconv.Quote(char)
	return quoted[1 : len(quoted)-1]
}

// indented escapes text of several lines and sets each behind the prefix. A tab
// becomes blanks, because logs are full of them and they do no harm.
func indented(text, prefix string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\r\n")
		b.WriteString(prefix + printable(strings.ReplaceAll(line, "\t", "    ")) + "\n")
	}
	return b.String()
}

// escaped is a terminal that gets nothing but text: what a Compose file calls its services
// must not move the cursor.
type escaped struct{ w io.Writer }

// Write implements io.Writer. A call ends where a line or a question ends.
func (e escaped) Write(text []byte) (int, error) {
	var b strings.Builder
	for line := range strings.Lines(string(text)) {
		plain, ended := strings.CutSuffix(line, "\n")
		b.WriteString(printable(plain))
		if ended {
			b.WriteByte('\n')
		}
	}
	if _, err := io.WriteString(e.w, b.String()); err != nil {
		return 0, err
	}
	return len(text), nil
}

// isTerminal tells whether a person types what is read there.
func isTerminal(in io.Reader) bool {
	f, ok := in.(*os.File)
	if !ok {
		return false
	}
	_, err := unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS)
	return err == nil
}
