package plaintext

import (
	"testing"
	"unicode/utf8"

	"tandem/internal/harness/testbed/fuzzline"
)

func TestWithoutEscapes_KeepsTheTextAndNothingThatMovesATerminal(t *testing.T) {
	for in, want := range map[string]string{
		"plain\tline\nnext":           "plain\tline\nnext",
		"\x1b[1;31mred\x1b[0m":        "red",
		"\x1b]0;a title\x07text":      "text",
		"\x1b]8;;http://x\x1b\\link":  "link",
		"\x1bP1;2q...\x1b\\after":     "after",
		"\x1b[2J\x1b[Hcleared":        "cleared",
		"\x1b(Bcharset \x1bc":         "charset ",
		"10%\r20%\r\n":                "10%\n20%\n",
		"bell\a back\b del\x7f":       "bell back del",
		"c1 \u009b31m csi":            "c1 31m csi",
		"rtl \u202eevil":              "rtl evil",
		"broken \xff\xfe utf":         "broken \ufffd utf",
		"unfinished \x1b[3":           "unfinished 3",
		"unfinished title \x1b]0;abc": "unfinished title ",
		"größe 日本":                    "größe 日本",
	} {
		if got := WithoutEscapes([]byte(in)); got != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
}

func FuzzWithoutEscapes(f *testing.F) {
	f.Add([]byte("\x1b[31mred\x1b]0;t\x07"))
	line := fuzzline.Line{Base: 4 << 20, PerKiB: 256 << 10}
	f.Fuzz(func(t *testing.T, in []byte) {
		var out string
		line.Hold(t, len(in), func() { out = WithoutEscapes(in) })
		if !utf8.ValidString(out) {
			t.Errorf("%q gives %q, which is no UTF-8", in, out)
		}
		for _, r := range out {
			if r != '\n' && r != '\t' && (r < ' ' || r >= 0x7f && r < 0xa0) {
				t.Errorf("%q gives %q, with the control character %U", in, out, r)
			}
		}
	})
}
