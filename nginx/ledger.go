package nginx

import (
	"crypto/sha256"
	"sync"
)

// ledger is what this process itself last left at each path, so that a change
// by somebody else can be told from our own.
type writtenFiles struct {
	mu   sync.Mutex
	left map[string]content
}

// content identifies a file's bytes; the zero value is no file.
type content struct {
	exists bool
	hash   [sha256.Size]byte
}

func contentOf(data []byte) content { return content{true, sha256.Sum256(data)} }

// note records what is, or is about to be, at the path.
func (l *writtenFiles) note(path string, c content) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.left == nil {
		l.left = map[string]content{}
	}
	l.left[path] = c
}

// altered tells whether the path holds something else than this process left
// there. A path it never touched is not altered.
func (l *writtenFiles) altered(path string, now content) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	c, known := l.left[path]
	return known && c != now
}

// knows tells whether this process ever left something, or nothing, at the path.
func (l *writtenFiles) knows(path string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	_, known := l.left[path]
	return known
}
