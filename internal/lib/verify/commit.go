package verify

import (
	"bytes"
	"strconv"
	"strings"
	"time"
)

// Commit is a commit object taken apart.
type Commit struct {
	Tree      string    // hash, in hexadecimal
	Parents   []string  // hashes
	Committed time.Time // as the committer says
	Signature []byte    // nil: it is not signed
	Signed    []byte    // the object without its signature: what was signed
}

// signatureHeader begins the names of all headers that hold a signature.
const signatureHeader = "gpgsig"

// Split takes a commit object apart, given its content without Git's object
// header. It is stricter than git: the headers have to be in the order in which
// git writes them, so that nobody can read another tree out of the same bytes. The
// error is a *Refusal.
func Split(raw []byte) (Commit, error) {
	end := bytes.Index(raw, []byte("\n\n"))
	if end < 0 || bytes.IndexByte(raw[:end], 0) >= 0 {
		return Commit{}, refuse(Unsupported, "it is not written as git writes commits")
	}
	s := splitter{}
	for line := range bytes.Lines(raw[:end+1]) {
		if err := s.line(line); err != nil {
			return Commit{}, err
		}
	}
	if s.next != headersDone {
		return Commit{}, refuse(Unsupported, "it is not written as git writes commits: headers are missing")
	}
	s.commit.Signed = append(s.commit.Signed, raw[end+1:]...)
	return s.commit, nil
}

// The headers in their order; whatever comes after them is headersDone.
const (
	headerTree = iota
	headerParent
	headerCommitter
	headersDone
)

// splitter reads one header line after the other.
type splitter struct {
	commit Commit
	next   int  // the header that may come
	began  bool // a header: a continuation may come
	inside bool // of the signature
}

// line takes one line with its line break.
func (s *splitter) line(line []byte) error {
	if line[0] == ' ' {
		switch {
		case !s.began:
			return refuse(Unsupported, "it is not written as git writes commits: it begins with a blank")
		case s.inside:
			s.commit.Signature = append(s.commit.Signature, line[1:]...)
		case s.next != headersDone:
			return refuse(Unsupported, "it is not written as git writes commits: a header goes on where it cannot")
		default:
			s.commit.Signed = append(s.commit.Signed, line...)
		}
		return nil
	}
	name, value, _ := strings.Cut(strings.TrimSuffix(string(line), "\n"), " ")
	s.began, s.inside = true, false
	if strings.HasPrefix(name, signatureHeader) {
		return s.signature(name, value)
	}
	s.commit.Signed = append(s.commit.Signed, line...)
	return s.header(name, value)
}

func (s *splitter) signature(name, value string) error {
	switch {
	case name != signatureHeader:
		return refuse(Unsupported, "it has a signature of another kind (%s) than git makes for this repository", name)
	case s.next != headersDone:
		return refuse(Unsupported, "its signature is not where git puts it")
	case s.commit.Signature != nil:
		return refuse(Unsupported, "it has several signatures")
	}
	s.commit.Signature = []byte(value + "\n")
	s.inside = true
	return nil
}

func (s *splitter) header(name, value string) error {
	wrong := refuse(Unsupported, "it is not written as git writes commits: the header %q is out of place", name)
	switch name {
	case "tree":
		if s.next != headerTree || !isHash(value) {
			return wrong
		}
		s.commit.Tree, s.next = value, headerParent
	case "parent":
		if s.next != headerParent || !isHash(value) {
			return wrong
		}
		s.commit.Parents = append(s.commit.Parents, value)
	case "author":
		if s.next != headerParent {
			return wrong
		}
		s.next = headerCommitter
	case "committer":
		at, ok := when(value)
		if s.next != headerCommitter || !ok {
			return wrong
		}
		s.commit.Committed, s.next = at, headersDone
	default:
		if s.next != headersDone {
			return wrong
		}
	}
	return nil
}

func isHash(s string) bool {
	return len(s) == 40 && strings.Trim(s, "0123456789abcdef") == ""
}

// when reads the time of "Ada <ada@example.com> 1700000000 +0100".
func when(value string) (time.Time, bool) {
	_, rest, found := strings.Cut(value[strings.LastIndex(value, "<")+1:], "> ")
	if !found {
		return time.Time{}, false
	}
	seconds, _, found := strings.Cut(rest, " ")
	n, err := strconv.ParseInt(seconds, 10, 64)
	return time.Unix(n, 0).UTC(), found && err == nil
}
