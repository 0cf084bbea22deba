package main

import (
	"bufio"
	"context"
	"crypto/sha1"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"
)

// The frames of RFC 6455 that this server knows.
const (
	opText   = 1
	opBinary = 2
	opClose  = 8
	opPing   = 9
	opPong   = 10
)

const maxMessage = 1 << 20

// farewell is how long the other side may take to close.
const farewell = 2 * time.Second

// echoWebSocket sends every message back, until the other side closes or the
// server stops.
func (a *api) echoWebSocket(w http.ResponseWriter, r *http.Request) {
	key := r.Header.Get("Sec-WebSocket-Key")
	if !strings.EqualFold(r.Header.Get("Upgrade"), "websocket") || key == "" || r.Header.Get("Sec-WebSocket-Version") != "13" {
		http.Error(w, "want a WebSocket handshake, version 13", http.StatusUpgradeRequired)
		return
	}
	a.sockets.Add(1) // before the server stops to wait for this connection
	defer a.sockets.Done()
	conn, rw, err := http.NewResponseController(w).Hijack()
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	s := &socket{conn: conn, in: rw.Reader}
	if err := s.accept(r.Context(), w.Header(), key); err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, net.ErrClosed) && !errors.Is(err, os.ErrDeadlineExceeded) {
		log.Printf("shop: websocket: %v", err)
	}
}

type socket struct {
	conn net.Conn
	in   *bufio.Reader
	mu   sync.Mutex // one frame is written at a time
	left bool       // it has said goodbye, after which nothing may be sent
}

func (s *socket) accept(ctx context.Context, header http.Header, key string) (err error) {
	defer func() { err = errors.Join(err, ignoreClosed(s.conn.Close())) }()
	sum := sha1.Sum([]byte(key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	header.Set("Upgrade", "websocket")
	header.Set("Connection", "Upgrade")
	header.Set("Sec-WebSocket-Accept", base64.StdEncoding.EncodeToString(sum[:]))
	var head strings.Builder
	head.WriteString("HTTP/1.1 101 Switching Protocols\r\n")
	if err := header.Write(&head); err != nil {
		return err
	}
	if _, err := io.WriteString(s.conn, head.String()+"\r\n"); err != nil {
		return err
	}
	stay := context.AfterFunc(ctx, s.leave)
	defer stay()
	return s.echo()
}

// leave says goodbye and gives the other side time to close. Closing at once, with
// something of theirs unread, would reset the connection before they read why.
func (s *socket) leave() {
	// 1001: going away. The connection may be gone already; then nobody misses it.
	_ = s.write(opClose, binary.BigEndian.AppendUint16(nil, 1001))
	_ = s.conn.SetReadDeadline(time.Now().Add(farewell))
}

func (s *socket) echo() error {
	var message []byte
	var kind byte
	for {
		final, op, data, err := s.read()
		if err != nil {
			return err
		}
		switch {
		case op == opClose:
			return s.write(opClose, data[:min(2, len(data))])
		case op == opPing:
			err = s.write(opPong, data)
		case op == opPong:
		default: // text, binary, or 0: the next piece of one
			if op != 0 {
				kind, message = op, nil
			}
			if message = append(message, data...); len(message) > maxMessage {
				return errors.New("message too large")
			}
			if final {
				err = s.write(kind, message)
			}
		}
		if err != nil {
			return err
		}
	}
}

func (s *socket) read() (final bool, op byte, data []byte, err error) {
	var head [2]byte
	if _, err = io.ReadFull(s.in, head[:]); err != nil {
		return
	}
	size := uint64(head[1] & 0x7f)
	switch size {
	case 126:
		var n uint16
		err = binary.Read(s.in, binary.BigEndian, &n)
		size = uint64(n)
	case 127:
		err = binary.Read(s.in, binary.BigEndian, &size)
	}
	if err != nil {
		return
	}
	if masked := head[1]&0x80 != 0; !masked || size > maxMessage {
		return false, 0, nil, errors.New("frame is not masked, or too large")
	}
	var mask [4]byte
	if _, err = io.ReadFull(s.in, mask[:]); err != nil {
		return
	}
	data = make([]byte, size)
	_, err = io.ReadFull(s.in, data)
	for i := range data {
		data[i] ^= mask[i%4]
	}
	return head[0]&0x80 != 0, head[0] & 0x0f, data, err
}

func (s *socket) write(op byte, data []byte) error {
	frame := []byte{0x80 | op}
	switch n := len(data); {
	case n < 126:
		frame = append(frame, byte(n))
	case n < 1<<16:
		frame = binary.BigEndian.AppendUint16(append(frame, 126), uint16(n))
	default:
		frame = binary.BigEndian.AppendUint64(append(frame, 127), uint64(n))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.left {
		return nil
	}
	s.left = op == opClose
	_, err := s.conn.Write(append(frame, data...))
	return err
}

func ignoreClosed(err error) error {
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}
