package strictyaml

import (
	"fmt"
	"iter"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Fault reports that something is wrong with the value.
func (n Node) Fault(format string, args ...any) {
	n.report(n.Line, n.Path, fmt.Sprintf(format, args...))
}

// Present tells whether the value is in the file. One that has been reported as
// broken is.
func (n Node) Present() bool { return n.kind != kindAbsent }

// Empty tells whether the value is absent, or a list or a mapping of nothing.
func (n Node) Empty() bool {
	switch n.kind {
	case kindList, kindMap:
		return len(n.items)+len(n.entries) == 0
	default:
		return n.kind == kindAbsent
	}
}

// IsMapping tells whether the value is a mapping; it reports nothing.
func (n Node) IsMapping() bool { return n.kind == kindMap }

// IsList tells whether the value is a list. Like IsText, IsNumber, IsBool and
// IsNothing, it is for a reader that takes what the file says, and reports nothing.
func (n Node) IsList() bool { return n.kind == kindList }

// IsText tells whether the value is text, quoted or not; see IsList.
func (n Node) IsText() bool { return n.kind == kindText }

// IsNumber tells whether the value is a number without quotes; see IsList.
func (n Node) IsNumber() bool { return n.kind == kindInt || n.kind == kindFloat }

// IsBool tells whether the value is true or false; see IsList.
func (n Node) IsBool() bool { return n.kind == kindBool }

// IsNothing tells whether there is a key and nothing, or null, after it; see IsList.
func (n Node) IsNothing() bool { return n.kind == kindNull || n.kind == kindNothing }

// Written returns a scalar as it stands in the file, without its quotes, and ""
// for anything else. It reports nothing.
func (n Node) Written() string { return n.text }

// Mapping tells whether n is a mapping. It reports what is not one, and each key
// that is not among the known ones; no known ones means that any key will do.
func (n Node) Mapping(known ...string) bool {
	if !n.isA(kindMap, "a mapping (key: value)") {
		return false
	}
	listed := false
	for _, e := range n.entries {
		if len(known) == 0 || slices.Contains(known, e.key) {
			continue
		}
		switch meant := Suggest(e.key, known); {
		case meant != "":
			e.Fault("unknown key; did you mean %s?", meant)
		case !listed:
			e.Fault("unknown key; known here: %s", strings.Join(known, ", "))
			listed = true
		default:
			e.Fault("unknown key")
		}
	}
	return true
}

// Get returns the value of a key, an absent Node when there is none.
func (n Node) Get(key string) Node {
	for _, e := range n.entries {
		if e.key == key {
			return e.Node
		}
	}
	return Node{Line: n.Line, Path: join(n.Path, key), report: n.report}
}

// Entries goes through a mapping in the order of the file.
func (n Node) Entries() iter.Seq2[string, Node] {
	return func(yield func(string, Node) bool) {
		for _, e := range n.entries {
			if !yield(e.key, e.Node) {
				return
			}
		}
	}
}

// Items returns the elements of a list, and reports what is not one.
func (n Node) Items() []Node {
	if n.kind >= kindBool && n.kind <= kindText {
		n.Fault("want a list, got %s; write [%s]", n.describe(), n.got())
		return nil
	}
	if !n.isA(kindList, "a list ([a, b])") {
		return nil
	}
	return n.items
}

// Text reads one line of text into to. What YAML takes for something else than
// text is reported, with how to quote it.
func (n Node) Text(to *string) bool {
	if !n.isScalar("text") {
		return false
	}
	switch {
	case n.kind == kindInt, n.kind == kindFloat, !n.quoted && numeric.MatchString(n.text):
		n.Fault("YAML reads %s as a number; write it in quotes: %s", n.bare(), show(n.text))
	case n.kind == kindBool:
		n.Fault("YAML reads %s as a boolean; write it in quotes: %s", n.bare(), show(n.text))
	case n.kind == kindNothing:
		n.Fault("YAML reads %s as nothing; write it in quotes (%s) or remove the line", n.bare(), show(n.text))
	case !n.quoted && oldBoolean(n.text):
		n.Fault("many YAML readers take %s for a boolean; write it in quotes: %s", n.bare(), show(n.text))
	case strings.ContainsFunc(n.text, func(r rune) bool { return r == '\t' || r == '\n' || invisible(r) }):
		n.Fault("want one line without control characters, got %s", show(n.text))
	default:
		*to = n.text
		return true
	}
	return false
}

// numeric is what some YAML reader takes for a number, even where the parser
// below does not: 1234e56, which may be the short hash of a commit, and numbers
// too large for it.
var numeric = regexp.MustCompile(`^[-+]?(0x[0-9a-fA-F_]+|0o[0-7]+|[0-9][0-9_]*(\.[0-9_]*)?([eE][-+]?[0-9]+)?|\.[0-9]+([eE][-+]?[0-9]+)?)$`)

// oldBoolean tells whether YAML 1.1 reads s as a boolean.
func oldBoolean(s string) bool {
	return slices.Contains([]string{"y", "n", "yes", "no", "on", "off"}, strings.ToLower(s))
}

// Literal reads any scalar into to, exactly as it is written: 3000 is "3000",
// 1.10 is "1.10", true is "true". It may have several lines.
func (n Node) Literal(to *string) bool {
	if !n.isScalar("one value") {
		return false
	}
	switch {
	case n.kind == kindNothing:
		n.Fault(`YAML reads %s as nothing; write a value, or "" for an empty one`, n.bare())
	case strings.ContainsRune(n.text, 0):
		n.Fault("a value cannot hold a NUL character")
	default:
		*to = n.text
		return true
	}
	return false
}

// OneOf reads one of the words into to.
func OneOf[T ~string](n Node, to *T, words ...T) bool {
	texts := make([]string, len(words))
	for i, w := range words {
		texts[i] = string(w)
	}
	if !n.isScalar(either(texts)) {
		return false
	}
	if !slices.Contains(texts, n.text) {
		n.Fault("want %s, got %s", either(texts), show(n.text))
		return false
	}
	*to = T(n.text)
	return true
}

// Int reads a whole decimal number from least to most into to.
func (n Node) Int(to *int, least, most int) bool {
	want := fmt.Sprintf("a whole number from %d to %d", least, most)
	if !n.isScalar(want) {
		return false
	}
	i, err := strconv.Atoi(n.text)
	plain := err == nil && strconv.Itoa(i) == n.text
	switch {
	case n.quoted && plain:
		n.Fault("want a number, got text; write it without quotes: %s", n.bare())
	case n.kind == kindInt && !plain && len(n.text) < 20:
		n.Fault("want %s in plain decimal digits, got %s", want, n.got())
	case !plain || i < least || i > most:
		n.Fault("want %s, got %s", want, n.got())
	default:
		*to = i
		return true
	}
	return false
}

// Duration reads a duration such as 30s from least to most into to.
func (n Node) Duration(to *time.Duration, least, most time.Duration) bool {
	if !n.isScalar("a duration such as 30s, 5m or 24h") {
		return false
	}
	d, err := time.ParseDuration(n.text)
	switch {
	case n.kind == kindInt:
		n.Fault("%s has no unit; write %ss or %sms", n.bare(), n.bare(), n.bare())
	case err != nil && days(n.text):
		n.Fault("days are no unit here; write hours, such as 24h, got %s", n.got())
	case err != nil:
		n.Fault("want a duration such as 30s, 5m or 24h, got %s", n.got())
	case d < least || d > most:
		n.Fault("want a duration from %s to %s, got %s", short(least), short(most), n.got())
	default:
		*to = d
		return true
	}
	return false
}

func days(s string) bool {
	number, ok := strings.CutSuffix(s, "d")
	_, err := strconv.Atoi(number)
	return ok && err == nil
}

// Share reads a part of a whole into to, 0 to 1: 1% or 0.01.
func (n Node) Share(to *float64) bool {
	if !n.isScalar("a share such as 1% or 0.01") {
		return false
	}
	number, percent := strings.CutSuffix(n.text, "%")
	f, err := strconv.ParseFloat(number, 64)
	if percent {
		f /= 100
	}
	switch {
	case err != nil || !decimal(number):
		n.Fault("want a share such as 1%% or 0.01, got %s", n.got())
	case f == 1 && !percent:
		n.Fault("%s could be 1%% or everything; write 1%% or 100%%", n.bare())
	case f < 0 || f > 1:
		n.Fault("want a share from 0%% to 100%%, got %s", n.got())
	default:
		*to = f
		return true
	}
	return false
}

// Number reads a decimal number from least to most into to: 2 or 0.5.
func (n Node) Number(to *float64, least, most float64) bool {
	want := fmt.Sprintf("a number from %g to %g", least, most)
	if !n.isScalar(want) {
		return false
	}
	f, err := strconv.ParseFloat(n.text, 64)
	if err != nil || n.quoted || !decimal(n.text) || f < least || f > most {
		n.Fault("want %s, got %s", want, n.got())
		return false
	}
	*to = f
	return true
}

// sizes are the units of Size and what each is in bytes.
var sizes = []struct {
	unit  string
	bytes float64
}{{"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}, {"TiB", 1 << 40}}

// Size reads a number of bytes such as 512MiB, from least to most bytes, into to.
func (n Node) Size(to *int64, least, most int64) bool {
	const want = "a size such as 512MiB or 1.5GiB"
	if !n.isScalar(want) {
		return false
	}
	bytes, ok := ParseSize(n.text)
	switch {
	case !ok:
		n.Fault("want %s (KiB, MiB, GiB or TiB), got %s", want, n.got())
	case bytes < least || bytes > most:
		n.Fault("want a size from %s to %s, got %s", FormatSize(least), FormatSize(most), n.got())
	default:
		*to = bytes
		return true
	}
	return false
}

// ParseSize reads a number of bytes such as 512MiB.
func ParseSize(text string) (bytes int64, ok bool) {
	for _, s := range sizes {
		number, has := strings.CutSuffix(text, s.unit)
		f, err := strconv.ParseFloat(number, 64)
		if !has || err != nil || !decimal(number) {
			continue
		}
		f *= s.bytes
		return int64(f), f > -(1<<62) && f < 1<<62
	}
	return 0, false
}

// FormatSize prints bytes in the largest unit that keeps them whole.
func FormatSize(bytes int64) string {
	for _, s := range slices.Backward(sizes) {
		if whole := int64(s.bytes); bytes%whole == 0 {
			return strconv.FormatInt(bytes/whole, 10) + s.unit
		}
	}
	return strconv.FormatInt(bytes, 10) + " bytes"
}

func decimal(s string) bool { return strings.Trim(s, "0123456789.-") == "" }

// isScalar reports what is not one word or number.
func (n Node) isScalar(want string) bool {
	if n.kind >= kindNothing && n.kind <= kindText {
		return true
	}
	return n.isA(kindText, want)
}

func (n Node) isA(k kind, want string) bool {
	switch n.kind {
	case k:
		return true
	case kindAbsent, kindBroken:
	case kindNull:
		n.Fault("has no value; write one or remove the line")
	default:
		n.Fault("want %s, got %s", want, n.describe())
	}
	return false
}

func (n Node) describe() string {
	switch n.kind {
	case kindMap:
		return "a mapping"
	case kindList:
		return "a list"
	case kindNull, kindNothing:
		return "nothing"
	default:
		return n.got()
	}
}

// got prints a scalar for a message: text in quotes, a number as it is.
func (n Node) got() string {
	if n.kind == kindText {
		return show(n.text)
	}
	return n.bare()
}

func (n Node) bare() string { return shorten(n.text) }

// either prints "a, b or c".
func either(words []string) string {
	if len(words) < 2 {
		return strings.Join(words, "")
	}
	return strings.Join(words[:len(words)-1], ", ") + " or " + words[len(words)-1]
}

// short prints a duration without its zero parts: 24h, not 24h0m0s.
func short(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}
