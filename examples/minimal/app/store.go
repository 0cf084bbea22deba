package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
)

// store keeps numbers by name in a file to which every change is appended. A
// client sends "INCR name" and is sent the new number, each on a line.
type store struct {
	mu     sync.Mutex
	values map[string]int64
	file   *os.File
}

func openStore(dir string) (*store, error) {
	f, err := os.OpenFile(filepath.Join(dir, "store.log"), os.O_CREATE|os.O_RDWR|os.O_APPEND, 0o600)
	if err != nil {
		return nil, err
	}
	s := &store{values: map[string]int64{}, file: f}
	for lines := bufio.NewReader(f); ; {
		line, err := lines.ReadString('\n')
		if errors.Is(err, io.EOF) {
			return s, nil // a last line without its end was never answered
		}
		if err != nil {
			return nil, errors.Join(err, f.Close())
		}
		var name string
		var value int64
		if _, err := fmt.Sscan(line, &name, &value); err == nil {
			s.values[name] = value
		}
	}
}

func (s *store) incr(name string) (int64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	next := s.values[name] + 1
	if _, err := fmt.Fprintf(s.file, "%s %d\n", name, next); err != nil {
		return 0, err
	}
	s.values[name] = next
	return next, nil
}

// serve answers one client until it goes away.
func (s *store) serve(conn net.Conn) error {
	lines := bufio.NewScanner(conn)
	for lines.Scan() {
		name, ok := strings.CutPrefix(lines.Text(), "INCR ")
		if !ok || name == "" || strings.ContainsAny(name, " \t") {
			return fmt.Errorf("cannot read %q", lines.Text())
		}
		n, err := s.incr(name)
		if err != nil {
			return err
		}
		if _, err := fmt.Fprintf(conn, "%d\n", n); err != nil {
			return err
		}
	}
	return lines.Err()
}

// runStore serves the store until ctx ends.
func runStore(ctx context.Context, s settings) error {
	st, err := openStore(s.data)
	if err != nil {
		return err
	}
	l, err := net.Listen("tcp", s.listen)
	if err != nil {
		return errors.Join(err, st.file.Close())
	}
	log.Printf("shop: store with %d orders listens on %s", st.values["orders"], l.Addr())
	stop := context.AfterFunc(ctx, func() { _ = l.Close() }) // it ends Accept, which reports
	defer stop()
	for {
		conn, err := l.Accept()
		if ctx.Err() != nil {
			log.Print("shop: stopping")
			return st.file.Close()
		}
		if err != nil {
			return errors.Join(err, st.file.Close())
		}
		go func() {
			if err := errors.Join(st.serve(conn), conn.Close()); err != nil {
				log.Printf("shop: store: %v", err)
			}
		}()
	}
}
