package load

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"
)

// refusedPause keeps a server that is away from being counted as a hundred
// thousand failures a second.
const refusedPause = 10 * time.Millisecond

// connection is one client that sends a request after the other over one
// kept-alive connection.
type connection struct {
	runner *Runner
	index  int
	tally  tally
	conn   net.Conn // nil while there is none
	in     *bufio.Reader
	get    []byte // the request, ready to be sent
	body   []byte // of the POST that is made now
}

func newConnection(r *Runner, index int) *connection {
	c := &connection{runner: r, index: index, tally: newTally()}
	c.get = fmt.Appendf(nil, "GET %s HTTP/1.1\r\nHost: %s\r\nUser-Agent: tandem-load\r\n\r\n", r.o.GetPath, r.o.Host)
	c.tally.gap.begin(r.started)
	return c
}

func (c *connection) run(ctx context.Context) {
	defer c.hangUp()
	r := c.runner
	// Connections begin at different places of the mix, so that their POSTs do
	// not come all at once.
	for n := c.index; ; n++ {
		now := time.Now()
		if !pause(ctx, r.pace.slot(now).Sub(now)) || !r.take() {
			return
		}
		post := r.o.PostEvery > 0 && n%r.o.PostEvery == r.o.PostEvery-1
		err := c.request(post)
		if err != nil && kindOf(err) == Refused && !pause(ctx, refusedPause) {
			return
		}
		if !pause(ctx, r.o.Think) {
			return
		}
	}
}

// request sends one request and counts what comes of it.
func (c *connection) request(post bool) error {
	begin := time.Now()
	a, err := c.exchange(post)
	end := time.Now()
	if err == nil {
		c.tally.succeed(end, end.Sub(begin), a, post)
		c.runner.outage.success(end)
		return nil
	}
	f := Failure{At: end, Connection: c.index, Method: http.MethodGet, Path: c.runner.o.GetPath, Kind: kindOf(err), Detail: err.Error()}
	if post {
		f.Method, f.Path = http.MethodPost, c.runner.o.PostPath
	}
	c.tally.fail(f, post)
	if f.Kind != Status {
		c.hangUp()
	}
	return err
}

// exchange sends one request, once, and reads the whole answer.
func (c *connection) exchange(post bool) (Answer, error) {
	if c.conn == nil {
		if err := c.open(); err != nil {
			return Answer{}, err
		}
	}
	if err := c.conn.SetDeadline(time.Now().Add(c.runner.o.Timeout)); err != nil {
		return Answer{}, err
	}
	message := c.get
	if post {
		message = c.post()
	}
	if _, err := c.conn.Write(message); err != nil {
		return Answer{}, err
	}
	a, body, err := c.read()
	if posted := c.runner.o.Posted; err == nil && post && posted != nil {
		posted(c.body, body)
	}
	return a, err
}

// post makes the next POST.
func (c *connection) post() []byte {
	o := c.runner.o
	c.body = o.Body
	if o.NextBody != nil {
		c.body = o.NextBody()
	}
	return fmt.Appendf(nil, "POST %s HTTP/1.1\r\nHost: %s\r\nUser-Agent: tandem-load\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s",
		o.PostPath, o.Host, len(c.body), c.body)
}

func (c *connection) open() error {
	conn, err := c.runner.dial.open()
	if err != nil {
		return dialError{err}
	}
	c.conn, c.in = conn, bufio.NewReader(conn)
	c.tally.opened()
	return nil
}

func (c *connection) read() (_ Answer, body []byte, err error) {
	res, err := http.ReadResponse(c.in, nil)
	if err != nil {
		return Answer{}, nil, err
	}
	if body, err = io.ReadAll(res.Body); err != nil {
		return Answer{}, nil, err
	}
	if res.Close {
		c.hangUp() // announced, so the next request opens a new one
	}
	if res.StatusCode < 200 || res.StatusCode > 299 {
		return Answer{}, nil, statusError{res.Status, string(body[:min(len(body), 200)])}
	}
	return Answer{Color: res.Header.Get("X-Color"), Tag: res.Header.Get("X-Tag")}, body, nil
}

func (c *connection) hangUp() {
	if c.conn != nil {
		_ = c.conn.Close() // the other side's view is what is measured
		c.conn = nil
	}
}
