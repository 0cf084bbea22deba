package source

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"regexp"
	"sync"

	"github.com/go-git/go-git/v5/plumbing/protocol/packp"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp/capability"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp/sideband"
	"github.com/go-git/go-git/v5/plumbing/transport"
)

// packSession is one service of git at work, on a server or on this host: a
// transport.UploadPackSession or a transport.ReceivePackSession.
type packSession struct {
	stdin   io.Writer
	stdout  *bufio.Reader
	stderr  syncedWords
	wait    func() error // until the service has ended, and stderr is complete
	close   func()
	receive bool
}

// AdvertisedReferences is never called; the interface asks for it.
func (s *packSession) AdvertisedReferences() (*packp.AdvRefs, error) {
	return s.AdvertisedReferencesContext(context.Background())
}

// AdvertisedReferencesContext reads what the service says first.
func (s *packSession) AdvertisedReferencesContext(context.Context) (*packp.AdvRefs, error) {
	adv := packp.NewAdvRefs()
	err := adv.Decode(s.stdout)
	switch {
	case errors.Is(err, packp.ErrEmptyAdvRefs), err == nil && adv.IsEmpty():
		if !s.receive {
			return nil, transport.ErrEmptyRemoteRepository
		}
	case errors.Is(err, packp.ErrEmptyInput):
		// The service ended at once. What it said about that is in stderr, which is
		// complete once the session has ended.
		_ = s.wait()
		return nil, s.refused(fmt.Errorf("git ends the conversation: %s", &s.stderr))
	case err != nil:
		return nil, s.refused(s.with(err))
	}
	return adv, nil
}

// forbidding are words with which servers say that a key may read only.
var forbidding = regexp.MustCompile(`(?i)denied|not allowed|read[- ]only|permission|unauthori[sz]ed|forbidden|protected`)

// refused marks the error of a server that ends the conversation because nobody
// with this key may push. Nothing but its words tells that from a server that is
// being restarted.
func (s *packSession) refused(err error) error {
	if s.receive && forbidding.MatchString(err.Error()) {
		return kindf(errForbidden, "%v", err)
	}
	return err
}

// UploadPack asks for a pack.
func (s *packSession) UploadPack(_ context.Context, req *packp.UploadPackRequest) (*packp.UploadPackResponse, error) {
	if err := req.UploadRequest.Encode(s.stdin); err != nil {
		return nil, s.with(err)
	}
	if err := req.UploadHaves.Encode(s.stdin, true); err != nil {
		return nil, s.with(err)
	}
	if _, err := io.WriteString(s.stdin, "0009done\n"); err != nil {
		return nil, s.with(err)
	}
	res := packp.NewUploadPackResponse(req)
	if err := res.Decode(io.NopCloser(s.stdout)); err != nil {
		return nil, s.with(err)
	}
	return res, nil
}

// ReceivePack sends a pack and the command, and reads the report.
func (s *packSession) ReceivePack(_ context.Context, req *packp.ReferenceUpdateRequest) (*packp.ReportStatus, error) {
	if err := req.Encode(s.stdin); err != nil {
		return nil, s.with(err)
	}
	var r io.Reader = s.stdout
	if req.Capabilities.Supports(capability.Sideband64k) {
		d := sideband.NewDemuxer(sideband.Sideband64k, r)
		d.Progress = req.Progress
		r = d
	}
	report := packp.NewReportStatus()
	if err := report.Decode(r); err != nil {
		return nil, s.with(err)
	}
	return report, nil
}

// Close ends the conversation.
func (s *packSession) Close() error {
	s.close()
	return nil
}

// with adds the words of the service, which say more than a broken stream.
func (s *packSession) with(err error) error {
	if words := s.stderr.String(); words != "" {
		return fmt.Errorf("%w: %s", err, words)
	}
	return err
}

// syncedWords is words that another goroutine writes.
type syncedWords struct {
	mu    sync.Mutex
	words words
}

func (s *syncedWords) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.words.most = 4 << 10
	return s.words.Write(p)
}

func (s *syncedWords) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.words.String()
}

// words keeps the beginning of what a server says.
type words struct {
	most int
	data []byte
}

func (w *words) Write(p []byte) (int, error) {
	w.data = append(w.data, p[:min(len(p), w.most-len(w.data))]...)
	return len(p), nil
}

func (w *words) String() string { return string(bytes.TrimSpace(w.data)) }
