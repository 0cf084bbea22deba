package main

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"tandem/internal/harness/testbed/fuzzline"
)

func TestPrintable_NothingReachesTheTerminalButText(t *testing.T) {
	for in, want := range map[string]string{
		"1.4.2":                     "1.4.2",
		"größer 東京 ✓":               "größer 東京 ✓",
		`C:\temp "quoted"`:          `C:\temp "quoted"`,
		"\x1b[2J\x1b]0;owned\a":     `\x1b[2J\x1b]0;owned\a`,
		"ok\r\nerror: forged":       `ok\r\nerror: forged`,
		"bell\b\b\x00\x7f":          `bell\b\b\x00\x7f`,
		"C1 \u009b31m":              `C1 \u009b31m`,
		"\u202egnp.exe\u2066":       `\u202egnp.exe\u2066`,
		"zero\u200bwidth\ufeff":     `zero\u200bwidth\ufeff`,
		"line\u2028separator":       `line\u2028separator`,
		"not UTF-8 \xff\xfe":        `not UTF-8 \xff\xfe`,
		"the real one \ufffd stays": "the real one \ufffd stays",
		"tag\U000e0041":             `tag\U000e0041`,
	} {
		if got := printable(in); got != want {
			t.Errorf("printable(%q) = %s, want %s", in, got, want)
		}
	}
}

func TestIndented_EachLineStandsBehindThePrefix(t *testing.T) {
	got := indented("boom\r\n\tat main.js:1\n\n\x1b[31mred\x1b[0m", "  | ")
	want := "  | boom\n  |     at main.js:1\n  | \n  | \\x1b[31mred\\x1b[0m\n"
	if got != want {
		t.Errorf("indented =\n%s\nwant\n%s", got, want)
	}
}

func FuzzPrintable(f *testing.F) {
	f.Add("\x1b[2J")
	f.Add("größer\xff\u202e")
	line := fuzzline.Line{Base: 4 << 20, PerKiB: 256 << 10}
	f.Fuzz(func(t *testing.T, in string) {
		var outs []string
		line.Hold(t, len(in), func() { outs = []string{printable(in), strings.ReplaceAll(indented(in, "> "), "\n", "")} })
		for _, out := range outs {
			if !utf8.ValidString(out) {
				t.Fatalf("%q became %q, which is not UTF-8", in, out)
			}
			for _, r := range out {
				if unicode.IsControl(r) || unicode.Is(unicode.Cf, r) {
					t.Fatalf("%q became %q, which holds %U", in, out, r)
				}
			}
		}
	})
}
