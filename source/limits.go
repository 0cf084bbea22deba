package source

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/format/packfile"
)

// How much a commit may be. A few kilobytes can say that there are ten thousand
// million files, or one of a gigabyte; these limits are far above what people deploy
// from, and what comes up to them takes seconds and some hundred megabytes.
const (
	// maxObject is the size in bytes up to which a file comes over the network: the
	// pack's index is made with one object after the other in memory. It is also what
	// GitHub takes.
	maxObject = 100 << 20
	// maxDepth is how deep directories may be in each other, counted from the root.
	maxDepth = 100
	// maxDirs is how many directories a commit may have.
	maxDirs = 100_000
	// maxApps is how many app files a commit may have.
	maxApps = 1_000
	// maxExport is how many bytes the files of an app may have together.
	maxExport = 1 << 30
	// maxExported is how many files an app may have.
	maxExported = 200_000
)

// limitError says which limit a commit is over. Asking again would change nothing.
type limitError struct{ text string }

func (e *limitError) Error() string { return e.text }

func tooLarge(format string, args ...any) error {
	return &limitError{text: fmt.Sprintf(format, args...)}
}

func isOverLimit(err error) bool {
	var b *limitError
	return errors.As(err, &b)
}

// limitPack returns the pack, which ends with a *limitError where an object in it would be
// larger than most, before anybody who indexes the pack has to keep it in memory.
func limitPack(pack io.Reader, most int64) *limitedPack {
	r, w := io.Pipe()
	b := &limitedPack{tee: io.TeeReader(pack, w), end: w, verdict: make(chan error, 1)}
	go func() {
		err := weigh(r, most)
		if isOverLimit(err) {
			_ = r.CloseWithError(err) // it never fails, and ends what is read from b
		} else {
			_, _ = io.Copy(io.Discard, r) // what comes after the last object has to pass, too
		}
		b.verdict <- err
	}()
	return b
}

type limitedPack struct {
	tee     io.Reader
	end     *io.PipeWriter
	verdict chan error
}

func (b *limitedPack) Read(p []byte) (int, error) { return b.tee.Read(p) }

// close ends the look at the pack. Its only error is a *limitError: whatever else a
// pack may have is found by those who read it.
func (b *limitedPack) close() error {
	_ = b.end.Close() // it never fails
	if err := <-b.verdict; isOverLimit(err) {
		return err
	}
	return nil
}

// weigh reads a pack and keeps nothing of it.
func weigh(pack io.Reader, most int64) error {
	s := packfile.NewScanner(pack)
	_, count, err := s.Header()
	for range count {
		if err != nil {
			return err
		}
		err = weighNext(s, most)
	}
	return err
}

func weighNext(s *packfile.Scanner, most int64) error {
	h, err := s.NextObjectHeader()
	if err != nil {
		return err
	}
	size, beginning := h.Length, &words{most: 2 * binary.MaxVarintLen64}
	if size > most {
		return fileTooLarge(size, most)
	}
	if _, _, err := s.NextObject(beginning); err != nil {
		return err
	}
	if h.Type == plumbing.OFSDeltaObject || h.Type == plumbing.REFDeltaObject {
		if size = resultSize(beginning.data); size > most {
			return fileTooLarge(size, most)
		}
	}
	return nil
}

// resultSize is the size of what a delta makes: the second of the two numbers that it
// begins with, which are written like Go's varints ("pack-format", gitformat-pack(5)).
func resultSize(delta []byte) int64 {
	_, n := binary.Uvarint(delta)
	if n <= 0 {
		return 0 // damaged, which others find
	}
	size, n := binary.Uvarint(delta[n:])
	if n <= 0 || size > 1<<62 {
		return 0
	}
	return int64(size)
}

func fileTooLarge(size, most int64) error {
	return tooLarge("the newest commit has a file of %d MiB, and no more than %d MiB are fetched: take it out of the repository, and put what it holds into the image, or a volume", size>>20, most>>20)
}
