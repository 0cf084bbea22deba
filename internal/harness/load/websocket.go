package load

import (
	"bufio"
	"crypto/rand"
	"crypto/sha1"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"
)

// The frames of RFC 6455 that this client knows.
const (
	opText  = 1
	opClose = 8
	opPing  = 9
	opPong  = 10
)

// webSocket is the client's side of a WebSocket.
type webSocket struct {
	conn net.Conn
	in   *bufio.Reader
}

// openWebSocket connects and shakes hands.
func openWebSocket(r *Runner) (*webSocket, Answer, error) {
	conn, err := r.dial.open()
	if err != nil {
		return nil, Answer{}, dialError{err}
	}
	ws := &webSocket{conn: conn, in: bufio.NewReader(conn)}
	answer, err := ws.handshake(r.o)
	if err != nil {
		return nil, Answer{}, errors.Join(err, conn.Close())
	}
	return ws, answer, nil
}

func (w *webSocket) handshake(o Options) (Answer, error) {
	if err := w.conn.SetDeadline(time.Now().Add(o.Timeout)); err != nil {
		return Answer{}, err
	}
	var nonce [16]byte
	if _, err := rand.Read(nonce[:]); err != nil {
		return Answer{}, err
	}
	key := base64.StdEncoding.EncodeToString(nonce[:])
	_, err := fmt.Fprintf(w.conn, "GET %s HTTP/1.1\r\nHost: %s\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"+
		"Sec-WebSocket-Key: %s\r\nSec-WebSocket-Version: 13\r\n\r\n", o.WebSocketPath, o.Host, key)
	if err != nil {
		return Answer{}, err
	}
	res, err := http.ReadResponse(w.in, nil)
	if err != nil {
		return Answer{}, err
	}
	if res.StatusCode != http.StatusSwitchingProtocols {
		return Answer{}, statusError{status: res.Status}
	}
	sum := sha1.Sum([]byte(key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	if got, want := res.Header.Get("Sec-WebSocket-Accept"), base64.StdEncoding.EncodeToString(sum[:]); got != want {
		return Answer{}, fmt.Errorf("handshake: Sec-WebSocket-Accept is %q, want %q", got, want)
	}
	return Answer{Color: res.Header.Get("X-Color"), Tag: res.Header.Get("X-Tag")}, nil
}

// echo sends a message and waits until it comes back.
func (w *webSocket) echo(message string, timeout time.Duration) error {
	if err := w.conn.SetDeadline(time.Now().Add(timeout)); err != nil {
		return err
	}
	if err := w.write(opText, []byte(message)); err != nil {
		return err
	}
	for {
		op, data, err := w.read()
		if err != nil {
			return err
		}
		switch {
		case op == opText && string(data) == message:
			return nil
		case op == opPing:
			if err := w.write(opPong, data); err != nil {
				return err
			}
		case op == opPong:
		case op == opClose && len(data) >= 2:
			return fmt.Errorf("closed by the server with code %d", binary.BigEndian.Uint16(data))
		default:
			return fmt.Errorf("got frame %d with %q, want the echo of %q", op, data, message)
		}
	}
}

// goodbye closes in order: it says so and waits for the answer.
// A server that does not answer was still there a moment ago, so that is no
// failure of the session.
func (w *webSocket) goodbye() {
	if w.conn.SetDeadline(time.Now().Add(time.Second)) == nil && w.write(opClose, binary.BigEndian.AppendUint16(nil, 1000)) == nil {
		_, _, _ = w.read()
	}
	_ = w.conn.Close()
}

// write sends one frame, masked as a client must.
func (w *webSocket) write(op byte, data []byte) error {
	if len(data) > 125 {
		return errors.New("message too large")
	}
	var mask [4]byte
	if _, err := rand.Read(mask[:]); err != nil {
		return err
	}
	frame := append([]byte{0x80 | op, 0x80 | byte(len(data))}, mask[:]...)
	for i, b := range data {
		frame = append(frame, b^mask[i%4])
	}
	_, err := w.conn.Write(frame)
	return err
}

// read reads one frame, which a server does not mask.
func (w *webSocket) read() (op byte, data []byte, err error) {
	var head [2]byte
	if _, err := io.ReadFull(w.in, head[:]); err != nil {
		return 0, nil, err
	}
	size := int(head[1])
	if size > 125 || head[0]&0x80 == 0 {
		return 0, nil, errors.New("frame too large, masked or in pieces")
	}
	data = make([]byte, size)
	_, err = io.ReadFull(w.in, data)
	return head[0] & 0x0f, data, err
}
