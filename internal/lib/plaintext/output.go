package plaintext

import (
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

// escapes are the sequences by which a program moves the cursor, changes colors
// or sets a terminal's title: CSI, the strings (OSC, DCS, …), and two-byte ones.
var escapes = regexp.MustCompile("\x1b\\[[0-?]*[ -/]*[@-~]|\x1b[\\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\\\)?|\x1b[ -/]*[0-~]")

// WithoutEscapes is what a program wrote, without what would change a terminal, and
// as valid UTF-8. Lines and tabs stay.
func WithoutEscapes(raw []byte) string {
	text := strings.ToValidUTF8(string(raw), string(utf8.RuneError))
	text = strings.ReplaceAll(text, "\r\n", "\n")
	text = escapes.ReplaceAllString(text, "")
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\t':
			return r
		case r == '\r':
			return '\n' // a progress bar: each state on its own line
		case unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r):
			return -1
		}
		return r
	}, text)
}
