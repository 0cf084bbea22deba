package forge

import (
	"strings"

	"tandem/internal/lib/plaintext"
	"tandem/reconciler/deploy"
)

// post is one status of one commit.
type post struct {
	commit      string
	context     string
	phase       deploy.Phase
	description string
}

// mostDescription is what GitHub takes, in characters.
const mostDescription = 140

// describe says in one line what the status says first. The message is left out
// but for its first line: what follows are a container's log lines, which are
// nobody else's business.
func describe(s deploy.Status) string {
	text := string(s.Phase) + " (" + string(s.Reason) + ")"
	if s.Desired.Tag != "" {
		text += " " + s.Desired.Tag
	}
	if first, _, _ := strings.Cut(strings.TrimSpace(s.Message), "\n"); first != "" {
		text += ": " + first
	}
	return plaintext.Clip(plaintext.Line(text), mostDescription)
}
