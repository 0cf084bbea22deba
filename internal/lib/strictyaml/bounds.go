package strictyaml

import (
	"bytes"
	"fmt"
	"unicode/utf8"

	"github.com/goccy/go-yaml/token"
)

// The bounds of a file. The largest sensible one is far below each of them.
const (
	// MaxBytes is the size up to which a file is looked at.
	MaxBytes = 1 << 20
	// maxMarks bounds the memory of the scanner, which makes up to two tokens of
	// each character that can mean something to YAML.
	maxMarks = 1 << 16
	// maxTokens bounds the time of the parser, which is quadratic in the number
	// of keys of a mapping: 100,000 keys take it 40 seconds.
	maxTokens = 10_000
	// maxFlowDepth and maxColumns bound the parser's recursion: nested brackets,
	// and columns to the left of which something is still open.
	maxFlowDepth = 16
	maxColumns   = 64
)

const marks = "\n[]{},-?&*!:#%|>'\""

// bounded tells whether the bytes are text of a size that may be scanned.
func bounded(data []byte, report Report) bool {
	if len(data) > MaxBytes {
		report(0, "", fmt.Sprintf("the file has %d bytes; at most %d are read", len(data), MaxBytes))
		return false
	}
	if bytes.HasPrefix(data, []byte{0xff, 0xfe}) || bytes.HasPrefix(data, []byte{0xfe, 0xff}) {
		report(1, "", "the file is UTF-16; save it as UTF-8")
		return false
	}
	n := 0
	for _, b := range data {
		if bytes.IndexByte([]byte(marks), b) >= 0 {
			n++
		}
	}
	if n > maxMarks {
		report(0, "", "the file is too complex: it has more brackets, lines and other punctuation than is read")
		return false
	}
	return readable(data, report)
}

// readable reports the first byte that is not UTF-8, or each line that holds a
// character that cannot be seen.
func readable(data []byte, report Report) bool {
	line, lastBad := 1, 0
	for i := 0; i < len(data); {
		r, size := utf8.DecodeRune(data[i:])
		switch {
		case r == utf8.RuneError && size == 1:
			report(line, "", fmt.Sprintf("byte 0x%02x is not UTF-8; save the file as UTF-8", data[i]))
			return false
		case r == '\n':
			line++
		case invisible(r) && line != lastBad:
			report(line, "", fmt.Sprintf("the line holds the invisible character U+%04X; remove it", r))
			lastBad = line
		}
		i += size
	}
	return lastBad == 0
}

// invisible tells whether r makes a line read differently from what it says: a
// control character, or one that turns the direction of writing.
func invisible(r rune) bool {
	switch {
	case r == '\n' || r == '\t':
		return false
	case r < 0x20, r >= 0x7f && r < 0xa0:
		return true
	case r == 0x2028, r == 0x2029, r == 0xfeff, r == 0xfffe, r == 0xffff:
		return true
	}
	return r == 0x200e || r == 0x200f || (r >= 0x202a && r <= 0x202e) || (r >= 0x2066 && r <= 0x2069)
}

// shallow tells whether the parser may recurse into the tokens. It has no end
// of stack of its own to stop at.
func shallow(tokens token.Tokens, report Report) bool {
	var columns []int
	count, flow := 0, 0
	for _, t := range tokens {
		if t.Type == token.CommentType {
			continue
		}
		if count++; count > maxTokens {
			report(t.Position.Line, "", "the file is too complex: it has more keys and values than are read")
			return false
		}
		switch t.Type {
		case token.SequenceStartType, token.MappingStartType:
			flow++
		case token.SequenceEndType, token.MappingEndType:
			flow--
		}
		if flow <= 0 {
			for len(columns) > 0 && columns[len(columns)-1] >= t.Position.Column {
				columns = columns[:len(columns)-1]
			}
			columns = append(columns, t.Position.Column)
		}
		if flow > maxFlowDepth || len(columns) > maxColumns {
			report(t.Position.Line, "", "the file is nested too deeply here")
			return false
		}
	}
	return true
}
