package notify

import (
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"tandem/internal/lib/plaintext"
	"tandem/reconciler/deploy"
)

// The longest title and text in runes. Several services cut or refuse what is
// longer than 2000 with the title.
const (
	titleLimit = 120
	textLimit  = 1600
)

// Message is what people are sent, in plain text.
type Message struct {
	Title string `json:"title"` // one line: "shop: 1.4.3 rejected (WatchFailed)"
	Text  string `json:"text"`
}

// fact is one thing to tell, before it is put into words.
type fact struct {
	app, title string
	sentence   string // what happened, and with a failure the last log lines
	commit     string
	at         time.Time
	status     *deploy.Status // nil: not known
}

// message puts a fact into words: the sentence, what is live now, then where and
// when. The sentence gives way when it is too long, the rest never does.
func (f fact) message(host string) Message {
	var foot []string
	switch {
	case f.status == nil:
	case f.status.Live == nil:
		foot = append(foot, "Nothing is live.")
	default:
		live := f.status.Live
		foot = append(foot, fmt.Sprintf("Live now: %s on %s, since %s.", live.Tag, live.Color, live.Since.UTC().Format(time.RFC3339)))
	}
	if f.commit != "" {
		foot = append(foot, "Commit: "+f.commit[:min(12, len(f.commit))])
	}
	foot = append(foot, "Host: "+host, "At: "+f.at.UTC().Format(time.RFC3339))
	end := plaintext.Clip(plaintext.Text(strings.Join(foot, "\n")), textLimit/2)
	text := plaintext.Clip(strings.TrimSpace(plaintext.Text(f.sentence)), textLimit-utf8.RuneCountInString(end)-1)
	return Message{
		Title: plaintext.Clip(plaintext.Line(f.app+": "+f.title), titleLimit),
		Text:  strings.TrimSpace(text + "\n" + end),
	}
}
