package load

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// reopenPause is how long a client waits before it opens a WebSocket again.
const reopenPause = 100 * time.Millisecond

// Session is one WebSocket from its handshake to its end.
type Session struct {
	Index    int    // which of the held WebSockets
	Answer   Answer // who accepted it
	Opened   time.Time
	Closed   time.Time // zero while it is open
	Messages int64     // sent and echoed
	Reason   string    // why it ended early; empty when the load itself ended it
}

// Early tells whether the session ended before the load did.
func (s Session) Early() bool { return s.Reason != "" }

func (s Session) String() string {
	return fmt.Sprintf("websocket %d of %s %s: %d messages, %s after %s", s.Index, s.Answer.Color, s.Answer.Tag,
		s.Messages, or(s.Reason, "open"), s.Closed.Sub(s.Opened).Round(time.Millisecond))
}

// socket holds one WebSocket open, and opens it again when it ends early.
type socket struct {
	runner   *Runner
	index    int
	mu       sync.Mutex
	sessions []Session
	refused  int64
}

func (s *socket) run(ctx context.Context) {
	for ctx.Err() == nil {
		ws, answer, err := openWebSocket(s.runner)
		if err != nil {
			s.refuse()
		} else {
			s.begin(answer)
			err = s.hold(ctx, ws)
			s.end(err)
		}
		if !pause(ctx, reopenPause) {
			return
		}
	}
}

// hold sends a message now and then and wants it back, until ctx ends.
func (s *socket) hold(ctx context.Context, ws *webSocket) error {
	for n := 0; ; n++ {
		message := fmt.Sprintf("message %d of %d", n, s.index)
		if err := ws.echo(message, s.runner.o.Timeout); err != nil {
			return errors.Join(err, ws.conn.Close())
		}
		s.message()
		// A connection that ends meanwhile is noticed at the next message.
		if !pause(ctx, s.runner.o.EchoEvery) {
			ws.goodbye()
			return nil
		}
	}
}

func (s *socket) begin(a Answer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sessions = append(s.sessions, Session{Index: s.index, Answer: a, Opened: time.Now()})
}

func (s *socket) message() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sessions[len(s.sessions)-1].Messages++
}

func (s *socket) end(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	last := &s.sessions[len(s.sessions)-1]
	last.Closed = time.Now()
	if err != nil {
		last.Reason = fmt.Sprintf("%s: %v", kindOf(err), err)
	}
}

func (s *socket) refuse() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refused++
}

func (s *socket) report() ([]Session, int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]Session(nil), s.sessions...), s.refused
}
