package plaintext

import (
	"encoding/json"
	"testing"
)

func TestText_WhatIsNotSeenIsWritten(t *testing.T) {
	for in, want := range map[string]string{
		"größer 東京 ✓":                 "größer 東京 ✓",
		"two\nlines\tand a tab":       "two\nlines\tand a tab",
		"1.4.2\u202e2.4.1":            `1.4.2\u202e2.4.1`,
		"\u2066a\u2067b\u2068c\u2069": `\u2066a\u2067b\u2068c\u2069`,
		"mark\u200f":                  `mark\u200f`,
		"arabic\u061c":                `arabic\u061c`,
		"zero\u200bwidth\ufeff":       `zero\u200bwidth\ufeff`,
		"soft\u00adhyphen":            `soft\u00adhyphen`,
		"tag\U000e0041":               `tag\U000e0041`,
		"\x1b[2J\u009b\x07":           `\x1b[2J\u009b\a`,
		"a\rb\u2028c":                 `a\rb\u2028c`,
		"not UTF-8 \xff":              `not UTF-8 \xff`,
		"می\u200cخواهم 👩\u200d🚀":      "می\u200cخواهم 👩\u200d🚀",
	} {
		if got := Text(in); got != want {
			t.Errorf("Text(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestLine_IsOne(t *testing.T) {
	if got, want := Line(" two\nlines\tand\r\n\x1b[2J \xff\n"), `two lines and \x1b[2J \xff`; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestClip_CutsBetweenCharacters(t *testing.T) {
	for in, want := range map[string]string{"größ": "größ", "größer": "grö…", "": ""} {
		if got := Clip(in, 4); got != want {
			t.Errorf("Clip(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestJSON_MeansTheSame(t *testing.T) {
	in := "\u202e\u2066\u200f\u061c\u200d\U000e0041 ü 東 👩\n"
	data, err := json.Marshal(in)
	if err != nil {
		t.Fatal(err)
	}
	escaped := JSON(data)
	for _, r := range string(escaped) {
		if !Shown(r) || r == '\u200d' {
			t.Errorf("%s holds %U", escaped, r)
		}
	}
	var back string
	if err := json.Unmarshal(escaped, &back); err != nil || back != in {
		t.Errorf("%q, %v; want %q", back, err, in)
	}
}
