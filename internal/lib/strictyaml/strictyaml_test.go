package strictyaml

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// recorder collects what is reported, one line a fault.
type recorder struct{ lines []string }

func (r *recorder) report(line int, path, text string) {
	r.lines = append(r.lines, fmt.Sprintf("%d %s: %s", line, path, text))
}

// wants compares what was reported since the last call.
func (r *recorder) wants(t *testing.T, want ...string) {
	t.Helper()
	if diff := cmp.Diff(want, r.lines); diff != "" {
		t.Errorf("faults (-want +got):\n%s", diff)
	}
	r.lines = nil
}

func parsed(t *testing.T, text string) (Node, *recorder) {
	t.Helper()
	r := &recorder{}
	n, ok := Parse([]byte(text), r.report)
	if !ok {
		t.Fatalf("not parsed: %q", r.lines)
	}
	return n, r
}

func TestParse_NodesKnowTheirLineAndPath(t *testing.T) {
	root, r := parsed(t, "# comment\na:\n  b:\n    - x\n    - {c: 1,\n       \"d e\": 2}\n")
	list := root.Get("a").Get("b").Items()
	if len(list) != 2 {
		t.Fatalf("%d items", len(list))
	}
	for _, c := range []struct {
		n    Node
		line int
		path string
	}{
		{root, 2, ""},
		{root.Get("a"), 2, "a"},
		{root.Get("a").Get("b"), 3, "a.b"},
		{list[0], 4, "a.b[0]"},
		{list[1].Get("c"), 5, "a.b[1].c"},
		{list[1].Get("d e"), 6, `a.b[1]."d e"`},
		{list[1].Get("missing"), 5, "a.b[1].missing"},
	} {
		if c.n.Line != c.line || c.n.Path != c.path {
			t.Errorf("line %d and path %s, want %d and %s", c.n.Line, c.n.Path, c.line, c.path)
		}
	}
	r.wants(t)
}

func TestParse_GoesOnAfterAFault(t *testing.T) {
	r := &recorder{}
	root, ok := Parse([]byte("a: &x 1\nb: *x\nc: !!str 2\nd: {<<: {e: 1}}\na: 3\nf: 4\n"), r.report)
	if !ok || !root.Get("f").Present() {
		t.Error("what comes after the faults is lost")
	}
	r.wants(t,
		"1 a: anchors (&…) are not accepted; write the value where it is needed",
		"2 b: aliases (*…) are not accepted; write the value itself",
		`3 c: YAML tags ("!!str") are not accepted; write the value in quotes if it is text`,
		"4 d: merge keys (<<) are not accepted; write the keys out",
		"5 a: written twice (first in line 1); keep one",
	)
	var s string
	if root.Get("a").Text(&s) || root.Get("a").Mapping() || root.Get("a").Items() != nil {
		t.Error("a broken value is read")
	}
	r.wants(t) // it was told already
}

func TestParse_AbsentValuesKeepTheDefaultAndAreSilent(t *testing.T) {
	root, r := parsed(t, "a: {}\n")
	n := root.Get("b").Get("c")
	s, i, d, f := "default", 1, time.Second, 0.5
	if n.Present() || !n.Empty() || n.Text(&s) || n.Literal(&s) || OneOf(n, &s, "x") || n.Int(&i, 0, 9) ||
		n.Duration(&d, 0, time.Hour) || n.Share(&f) || n.Mapping("x") || n.Items() != nil {
		t.Error("an absent value is read")
	}
	if s != "default" || i != 1 || d != time.Second || f != 0.5 {
		t.Errorf("a default is gone: %s %d %s %v", s, i, d, f)
	}
	r.wants(t)
}

// readings lists, for each reader, what it makes of a value: the Go value, or
// the fault.
func TestNode_Readers(t *testing.T) {
	text := func(n Node) (any, bool) { s := ""; ok := n.Text(&s); return s, ok }
	literal := func(n Node) (any, bool) { s := ""; ok := n.Literal(&s); return s, ok }
	word := func(n Node) (any, bool) { s := ""; ok := OneOf(n, &s, "off", "on", "auto"); return s, ok }
	number := func(n Node) (any, bool) { i := 0; ok := n.Int(&i, -5, 100); return i, ok }
	duration := func(n Node) (any, bool) {
		var d time.Duration
		ok := n.Duration(&d, time.Second, 24*time.Hour)
		return d, ok
	}
	share := func(n Node) (any, bool) { f := 0.0; ok := n.Share(&f); return f, ok }
	long := strings.Repeat("9", 100)
	for _, c := range []struct {
		read  func(Node) (any, bool)
		value string
		want  any    // when there is no fault
		fault string // without line and path
	}{
		{text, "abc", "abc", ""},
		{text, "a b: c", nil, "not YAML: a second \": \" in one line; quote the value, or begin a new line"},
		{text, `"1.10"`, "1.10", ""},
		{text, "'no'", "no", ""},
		{text, "2026-11-22", "2026-11-22", ""},
		{text, "1.2.3", "1.2.3", ""},
		{text, "1.10", nil, `YAML reads 1.10 as a number; write it in quotes: "1.10"`},
		{text, "0x1F", nil, `YAML reads 0x1F as a number; write it in quotes: "0x1F"`},
		{text, "1234e56", nil, `YAML reads 1234e56 as a number; write it in quotes: "1234e56"`},
		{text, "1234f56", "1234f56", ""},
		{text, ".inf", nil, `YAML reads .inf as a number; write it in quotes: ".inf"`},
		{text, long, nil, "YAML reads " + long[:60] + `… as a number; write it in quotes: "` + long[:60] + `…"`},
		{text, "True", nil, `YAML reads True as a boolean; write it in quotes: "True"`},
		{text, "Off", nil, `many YAML readers take Off for a boolean; write it in quotes: "Off"`},
		{text, "~", nil, `YAML reads ~ as nothing; write it in quotes ("~") or remove the line`},
		{text, "", nil, "has no value; write one or remove the line"},
		{text, "[a]", nil, "want text, got a list"},
		{text, "{a: 1}", nil, "want text, got a mapping"},
		{text, `"a\u202eb"`, nil, `want one line without control characters, got "a\u202eb"`},
		{text, "|\n  a\n  b", nil, `want one line without control characters, got "a\nb\n"`},

		{literal, "1.10", "1.10", ""},
		{literal, "-0x1F", "-0x1F", ""},
		{literal, "1_000", "1_000", ""},
		{literal, "yes", "yes", ""},
		{literal, "TRUE", "TRUE", ""},
		{literal, `""`, "", ""},
		{literal, "|\n  a\n  b", "a\nb\n", ""},
		{literal, "null", nil, `YAML reads null as nothing; write a value, or "" for an empty one`},
		{literal, `"\0"`, nil, "a value cannot hold a NUL character"},

		{word, "off", "off", ""},
		{word, `"auto"`, "auto", ""},
		{word, "false", nil, `want off, on or auto, got "false"`},
		{word, "[off]", nil, "want off, on or auto, got a list"},

		{number, "100", 100, ""},
		{number, "-5", -5, ""},
		{number, "101", nil, "want a whole number from -5 to 100, got 101"},
		{number, "1.0", nil, "want a whole number from -5 to 100, got 1.0"},
		{number, "010", nil, "want a whole number from -5 to 100 in plain decimal digits, got 010"},
		{number, "1_0", nil, "want a whole number from -5 to 100 in plain decimal digits, got 1_0"},
		{number, `"10"`, nil, "want a number, got text; write it without quotes: 10"},
		{number, "ten", nil, `want a whole number from -5 to 100, got "ten"`},
		{number, long, nil, "want a whole number from -5 to 100, got \"" + long[:60] + "…\""},

		{duration, "90s", 90 * time.Second, ""},
		{duration, `"1h30m"`, 90 * time.Minute, ""},
		{duration, "60", nil, "60 has no unit; write 60s or 60ms"},
		{duration, "2d", nil, `days are no unit here; write hours, such as 24h, got "2d"`},
		{duration, "25h", nil, `want a duration from 1s to 24h, got "25h"`},
		{duration, "-1s", nil, `want a duration from 1s to 24h, got "-1s"`},
		{duration, "soon", nil, `want a duration such as 30s, 5m or 24h, got "soon"`},
		{duration, "true", nil, "want a duration such as 30s, 5m or 24h, got true"},

		{share, "1%", 0.01, ""},
		{share, "0.01", 0.01, ""},
		{share, "0", 0.0, ""},
		{share, "100%", 1.0, ""},
		{share, "1", nil, "1 could be 1% or everything; write 1% or 100%"},
		{share, "2", nil, "want a share from 0% to 100%, got 2"},
		{share, "-1%", nil, `want a share from 0% to 100%, got "-1%"`},
		{share, "NaN", nil, `want a share such as 1% or 0.01, got "NaN"`},
		{share, ".nan", nil, "want a share such as 1% or 0.01, got .nan"},
		{share, "1e-2", nil, `want a share such as 1% or 0.01, got "1e-2"`},
	} {
		t.Run(c.value, func(t *testing.T) {
			r := &recorder{}
			root, ok := Parse([]byte("k: "+c.value+"\n"), r.report)
			var got any
			if ok {
				got, ok = c.read(root.Get("k"))
			}
			if c.fault == "" {
				if !ok || got != c.want || len(r.lines) > 0 {
					t.Errorf("got %#v and %q, want %#v", got, r.lines, c.want)
				}
				return
			}
			if ok || len(r.lines) != 1 || strings.TrimPrefix(strings.TrimPrefix(r.lines[0], "1 k: "), "1 : ") != c.fault {
				t.Errorf("got %#v and %q, want the fault %q", got, r.lines, c.fault)
			}
		})
	}
}

func TestNode_MappingNamesTheKeyThatWasMeant(t *testing.T) {
	root, r := parsed(t, "maxLatency: 1\nmax-latency: 1\nPATH: 1\nstatsu: 1\nfoo: 1\nbar: 1\n")
	if !root.Mapping("path", "status", "max_latency") {
		t.Error("not a mapping")
	}
	r.wants(t,
		"1 maxLatency: unknown key; did you mean max_latency?",
		"2 max-latency: unknown key; did you mean max_latency?",
		"3 PATH: unknown key; did you mean path?",
		"4 statsu: unknown key; did you mean status?",
		"5 foo: unknown key; known here: path, status, max_latency",
		"6 bar: unknown key",
	)
}

func TestNode_EntriesAreInTheOrderOfTheFile(t *testing.T) {
	root, _ := parsed(t, "b: 1\na: 2\nc: 3\n")
	var got []string
	for key, n := range root.Entries() {
		got = append(got, key+n.Written())
		if key == "a" {
			break
		}
	}
	if diff := cmp.Diff([]string{"b1", "a2"}, got); diff != "" {
		t.Errorf("entries (-want +got):\n%s", diff)
	}
}

func TestNode_ItemsSayHowToWriteAListOfOne(t *testing.T) {
	root, r := parsed(t, "a: x\nb: 5\nc: {d: 1}\ne:\n")
	for _, key := range []string{"a", "b", "c", "e"} {
		root.Get(key).Items()
	}
	r.wants(t,
		`1 a: want a list, got "x"; write ["x"]`,
		"2 b: want a list, got 5; write [5]",
		"3 c: want a list ([a, b]), got a mapping",
		"4 e: has no value; write one or remove the line",
	)
}

// Each bound lets the largest input below it pass.
func TestParse_Bounds(t *testing.T) {
	nested := func(n int) string { return "a: " + strings.Repeat("[", n) + strings.Repeat("]", n) }
	columns := func(n int) string {
		var b strings.Builder
		for i := range n {
			b.WriteString(strings.Repeat(" ", i) + "a:\n")
		}
		return b.String()
	}
	for _, c := range []struct {
		name      string
		good, bad string
		fault     string
	}{
		{
			"size", "a: " + strings.Repeat("x", MaxBytes-4) + "\n", "a: " + strings.Repeat("x", MaxBytes-2),
			fmt.Sprintf("0 : the file has %d bytes; at most %d are read", MaxBytes+1, MaxBytes),
		},
		{
			"punctuation", "a: '" + strings.Repeat("!", maxMarks-4) + "'\n", "a: '" + strings.Repeat("!", maxMarks-2) + "'\n",
			"0 : the file is too complex: it has more brackets, lines and other punctuation than is read",
		},
		{
			"tokens", "a: [" + strings.Repeat("x,", (maxTokens-4)/2) + "]", "a: [" + strings.Repeat("x,", (maxTokens-4)/2) + "x]",
			"1 : the file is too complex: it has more keys and values than are read",
		},
		{"brackets", nested(maxFlowDepth), nested(maxFlowDepth + 1), "1 : the file is nested too deeply here"},
		{"indentation", columns(maxColumns - 1), columns(maxColumns), "64 : the file is nested too deeply here"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := &recorder{}
			if _, ok := Parse([]byte(c.good), r.report); !ok {
				t.Errorf("what is just small enough is refused: %q", r.lines)
			}
			r.wants(t)
			if _, ok := Parse([]byte(c.bad), r.report); ok {
				t.Error("what is too much is accepted")
			}
			r.wants(t, c.fault)
		})
	}
}
