package plaintext

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// Shown tells whether a character is seen, and does nothing to those beside it. The two
// joiners count as shown: Persian, the scripts of India and many emoji are spelled with
// them. So two texts that differ in them may look alike; a name, which decides
// something, has to match a grammar without them.
func Shown(r rune) bool {
	const nonJoiner, joiner = '\u200c', '\u200d'
	return strconv.IsPrint(r) || r == nonJoiner || r == joiner
}

// Text returns s with all that is not shown as escapes (\x1b, \u202e). Line breaks and
// tabs stay.
func Text(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); {
		r, size := utf8.DecodeRuneInString(s[i:])
		switch bad := r == utf8.RuneError && size == 1; {
		case !bad && (r == '\n' || r == '\t' || Shown(r)):
			b.WriteString(s[i : i+size])
		default:
			quoted := strconv.Quote(s[i : i+size])
			b.WriteString(quoted[1 : len(quoted)-1])
		}
		i += size
	}
	return b.String()
}

// Line is Text on one line: line breaks and tabs are spaces, and none is left at its ends.
func Line(s string) string { return Text(oneLine.Replace(strings.TrimSpace(s))) }

var oneLine = strings.NewReplacer("\r\n", " ", "\n", " ", "\r", " ", "\t", " ")

// Clip cuts s to at most so many characters, and shows that it did.
func Clip(s string, most int) string {
	runes := []rune(s)
	if len(runes) <= most {
		return s
	}
	return string(runes[:most-1]) + "…"
}

// JSON returns a JSON text with the characters that encoding/json leaves alone and a
// terminal does not as escapes, which mean the same to whoever parses them.
func JSON(data []byte) []byte {
	var b []byte
	for _, r := range string(data) {
		if r == '\n' || strconv.IsPrint(r) {
			b = utf8.AppendRune(b, r)
			continue
		}
		for _, unit := range utf16.Encode([]rune{r}) {
			b = fmt.Appendf(b, `\u%04x`, unit)
		}
	}
	return b
}
