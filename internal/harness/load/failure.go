package load

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"syscall"
	"time"
)

// Kind sorts failures.
type Kind string

// The ways in which a request fails.
const (
	Refused  Kind = "refused"  // no connection could be opened
	Reset    Kind = "reset"    // the connection was reset
	EOF      Kind = "eof"      // the connection ended before the answer did
	Timeout  Kind = "timeout"  // no whole answer in time
	Status   Kind = "status"   // an answer that is not 2xx
	Protocol Kind = "protocol" // an answer that is not HTTP, or anything else
)

// Failure is one request that was not answered as it should be.
type Failure struct {
	At         time.Time
	Connection int
	Method     string
	Path       string
	Kind       Kind
	Detail     string
}

func (f Failure) String() string {
	return fmt.Sprintf("%s connection %d %s %s: %s: %s", f.At.Format("15:04:05.000"), f.Connection, f.Method, f.Path, f.Kind, f.Detail)
}

// maxExamples is how many failures a connection keeps in full.
const maxExamples = 10

// statusError is an answer that is not 2xx.
type statusError struct {
	status string
	body   string
}

func (e statusError) Error() string { return strings.TrimSpace(e.status + " " + e.body) }

// dialError is a connection that could not be opened.
type dialError struct{ error }

func (e dialError) Unwrap() error { return e.error }

// kindOf sorts an error.
func kindOf(err error) Kind {
	var status statusError
	var dial dialError
	var cert *tls.CertificateVerificationError
	var timeout net.Error
	switch {
	case errors.As(err, &status):
		return Status
	case errors.As(err, &cert):
		return Protocol
	case errors.Is(err, os.ErrDeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		return Timeout
	case errors.As(err, &dial):
		return Refused
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return Reset
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return EOF
	default:
		return Protocol
	}
}
