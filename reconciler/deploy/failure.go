package deploy

import "regexp"

// Failure is what a release that never ran could not be started for.
type Failure struct {
	Release    Release `json:"release"`
	Generation int     `json:"generation"` // of another one it is counted anew
	Color      Color   `json:"color"`
	Action     Action  `json:"action"`
	Words      string  `json:"words"` // as withoutIDs leaves them
	Times      int     `json:"times"` // in a row
}

// HasRun tells whether a start of r ever ended well, or r was ever live. The same files can
// be run then, and what is in their way now is the host's.
func (m *Memory) HasRun(r Release) bool {
	return m.Live.Release == r || m.WasPromoted(r) || m.Started[Blue].Release == r || m.Started[Green].Release == r
}

// WithoutIDs takes out of the words of a failure what may differ from one try to the next:
// each word with a digit in it, be it an id, a time or a number, and the colors.
func WithoutIDs(words string) string {
	return colorWord.ReplaceAllString(idWord.ReplaceAllString(words, "#"), "#")
}

// SameFailure tells whether the words of two failures differ in ids, numbers and colors only.
func SameFailure(a, b string) bool { return WithoutIDs(a) == WithoutIDs(b) }

var (
	idWord    = regexp.MustCompile(`[0-9A-Za-z]*[0-9](?:[.:]?[0-9A-Za-z])*`)
	colorWord = regexp.MustCompile(string(Blue) + "|" + string(Green))
)
