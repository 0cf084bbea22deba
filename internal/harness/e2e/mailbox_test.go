package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"tandem/internal/config"
	"tandem/internal/harness/testbed/tb"
)

// mail is one notification as a webhook gets it.
type mail struct {
	Title, Message string
}

// mailbox is a receiver of notifications.
type mailbox struct {
	server *httptest.Server
	mu     sync.Mutex
	mails  []mail
}

// newMailbox serves a webhook that answers with the status, and hangs until the
// end of the test when that is 0.
func newMailbox(t *testing.T, status int) *mailbox {
	m := &mailbox{}
	over := make(chan struct{})
	m.server = httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		var got mail
		if err := json.NewDecoder(r.Body).Decode(&got); err != nil {
			t.Errorf("a notification that cannot be read: %v", err)
		}
		m.mu.Lock()
		m.mails = append(m.mails, got)
		m.mu.Unlock()
		if status == 0 {
			<-over
			return
		}
		rw.WriteHeader(status)
	}))
	t.Cleanup(m.server.Close)
	t.Cleanup(func() { close(over) })
	return m
}

func (m *mailbox) url() string {
	return "generic+" + m.server.URL + "/?template=json"
}

// got returns what arrived, oldest first.
func (m *mailbox) got() []mail {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.mails)
}

// titles returns the first lines, without the name of the app.
func (m *mailbox) titles(app string) []string {
	var out []string
	for _, x := range m.got() {
		out = append(out, strings.TrimPrefix(x.Title, app+": "))
	}
	return out
}

// tells configures the next agent to tell these receivers.
func (w *world) tells(boxes ...*mailbox) {
	w.t.Helper()
	var lines strings.Builder
	for _, m := range boxes {
		lines.WriteString(m.url() + "\n")
	}
	file := filepath.Join(w.Dir, "notify")
	check(w.t, os.WriteFile(file, []byte(lines.String()), 0o600))
	w.configure(func(c *config.Config) { c.Notify.URLsFile = file })
}

// arrives waits for a notification whose title has the words.
func (w *world) arrives(m *mailbox, words string) (found mail) {
	w.t.Helper()
	tb.Until(w.t, patience, "a notification "+words, func() error {
		for _, x := range m.got() {
			if strings.Contains(x.Title, words) {
				found = x
				return nil
			}
		}
		return fmt.Errorf("got %+v", m.got())
	})
	return found
}
