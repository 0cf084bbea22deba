package nginx

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"tandem/internal/lib/atomicfile"
	"tandem/reconciler/deploy"
)

// change is one generated file that has to be written, and what was there.
type change struct {
	Name    string `json:"name"`
	Old     []byte `json:"old"`
	Existed bool   `json:"existed"`
	text    string
}

// untested holds, while new files are written but not tested yet, what they
// replaced. A process that is killed in between leaves it behind, and the next
// one undoes: else a broken file would keep Nginx from starting after a reboot.
const untested = ".untested"

func (p *Proxy) path(name string) string { return filepath.Join(p.dir, name) }

// makeDirs creates what is missing, with permissions that let Nginx's workers
// look for a flag. It tells whether the log directory is new: a running Nginx
// still writes into the one that is gone.
func (p *Proxy) makeDirs() (newLog bool, err error) {
	for _, dir := range []string{p.dir, p.path("live"), p.path("log")} {
		if _, err := os.Stat(dir); err == nil {
			continue
		}
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return false, fmt.Errorf("make nginx directory: %w", err)
		}
		// The umask may have taken away what the workers need.
		if err := os.Chmod(dir, 0o755); err != nil {
			return false, fmt.Errorf("make nginx directory: %w", err)
		}
		newLog = newLog || filepath.Base(dir) == "log"
	}
	return newLog, nil
}

// compare finds the files that are not what they should be, and which of those
// somebody else made so, since this process or one before it left them. A file that
// tandem did not write is an error, before anything is changed.
func (p *Proxy) compare(app, generation string, files []file) (changes []change, repaired []string, err error) {
	before := p.leftBefore(app, generation)
	for _, f := range files {
		old, err := p.readOwn(f.name)
		existed := !errors.Is(err, fs.ErrNotExist)
		if err != nil && existed {
			return nil, nil, err
		}
		var now content
		if existed {
			now = contentOf(old)
		}
		if p.own.altered(f.name, now) || before && now != contentOf([]byte(f.text)) {
			repaired = append(repaired, f.name)
		}
		if existed && string(old) == f.text {
			p.own.note(f.name, now)
			continue
		}
		changes = append(changes, change{Name: f.name, Old: old, Existed: existed, text: f.text})
	}
	return changes, repaired, nil
}

// leftBefore tells whether a process before this one left the files as they are to be
// now: they say that they are of this generation. Where one is something else, somebody
// has changed it since, while nobody ran.
func (p *Proxy) leftBefore(app, generation string) bool {
	name := app + confFile
	if p.own.knows(name) {
		return false
	}
	text, err := p.readOwn(name)
	return err == nil && bytes.Contains(text, []byte(generationLine(app, generation)))
}

// readOwn returns a generated file, and a ForeignFile error when tandem did not
// write it. An empty file holds nobody's work.
func (p *Proxy) readOwn(name string) ([]byte, error) {
	path := p.path(name)
	info, err := os.Lstat(path)
	if err != nil {
		return nil, fmt.Errorf("read nginx file: %w", err)
	}
	var data []byte
	if info.Mode().IsRegular() {
		if data, err = os.ReadFile(path); err != nil {
			return nil, fmt.Errorf("read nginx file: %w", err)
		}
	}
	if !info.Mode().IsRegular() || len(data) > 0 && !bytes.HasPrefix(data, []byte(marker)) {
		return nil, &deploy.RouterError{Reason: deploy.ForeignFile,
			Detail: path + " was not written by tandem and is not overwritten: move it away, or set nginx.dir to another directory"}
	}
	return data, nil
}

// write puts the new files in place. When that fails half way, everything is as
// it was before.
func (p *Proxy) write(changes []change) error {
	if len(changes) == 0 {
		return nil
	}
	journal, err := json.Marshal(changes)
	if err != nil {
		return fmt.Errorf("write nginx files: %w", err)
	}
	if err := atomicfile.Write(p.path(untested), journal, 0o600); err != nil {
		return fmt.Errorf("write nginx files: %w", err)
	}
	for _, c := range changes {
		p.own.note(c.Name, contentOf([]byte(c.text)))
		if err := atomicfile.Write(p.path(c.Name), []byte(c.text), 0o644); err != nil {
			return errors.Join(fmt.Errorf("write nginx file: %w", err), p.undo(changes))
		}
	}
	return nil
}

// undo puts back what the changes replaced, the last one first, so that Nginx can be
// loaded in between as it could while they were written.
func (p *Proxy) undo(changes []change) error {
	for _, c := range slices.Backward(changes) {
		var err error
		if c.Existed {
			p.own.note(c.Name, contentOf(c.Old))
			err = atomicfile.Write(p.path(c.Name), c.Old, 0o644)
		} else {
			p.own.note(c.Name, content{})
			err = atomicfile.Remove(p.path(c.Name))
		}
		if err != nil {
			return fmt.Errorf("restore nginx file: %w", err)
		}
	}
	return p.tested()
}

// tested ends the time in which the new files may have to be undone.
func (p *Proxy) tested() error {
	if err := atomicfile.Remove(p.path(untested)); err != nil {
		return fmt.Errorf("forget replaced nginx files: %w", err)
	}
	return nil
}

// undoInterrupted undoes what a process that was killed left untested.
func (p *Proxy) undoInterrupted() error {
	data, err := os.ReadFile(p.path(untested))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read replaced nginx files: %w", err)
	}
	var changes []change
	if err := json.Unmarshal(data, &changes); err != nil {
		return fmt.Errorf("read replaced nginx files: %w", err)
	}
	for _, c := range changes {
		if c.Name != filepath.Base(c.Name) {
			return fmt.Errorf("read replaced nginx files: %q is not a file's name", c.Name)
		}
		// A person may have put a file of their own there since.
		if _, err := p.readOwn(c.Name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return p.undo(changes)
}

// writtenFiles are what this process itself last left at each path, so that a change
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
