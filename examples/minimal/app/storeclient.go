package main

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"sync"
	"time"
)

// storeClient counts orders in the store over one connection, which it opens
// again when it breaks.
type storeClient struct {
	addr string
	mu   sync.Mutex
	conn net.Conn // nil while there is none
	in   *bufio.Reader
}

func newStoreClient(addr string) *storeClient { return &storeClient{addr: addr} }

// count counts one order. An error leaves open whether it was counted.
func (c *storeClient) count(ctx context.Context) (int64, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	n, err := c.ask(ctx)
	if err != nil && c.conn != nil {
		_ = c.conn.Close() // it is broken: the next order opens a new one
		c.conn = nil
	}
	if err != nil {
		return 0, fmt.Errorf("ask store %s: %w", c.addr, err)
	}
	return n, nil
}

func (c *storeClient) ask(ctx context.Context) (n int64, err error) {
	if c.conn == nil {
		d := net.Dialer{Timeout: time.Second}
		if c.conn, err = d.DialContext(ctx, "tcp", c.addr); err != nil {
			c.conn = nil
			return 0, err
		}
		c.in = bufio.NewReader(c.conn)
	}
	if err := c.conn.SetDeadline(time.Now().Add(2 * time.Second)); err != nil {
		return 0, err
	}
	if _, err := fmt.Fprint(c.conn, "INCR orders\n"); err != nil {
		return 0, err
	}
	line, err := c.in.ReadString('\n')
	if err != nil {
		return 0, err
	}
	_, err = fmt.Sscan(line, &n)
	return n, err
}
