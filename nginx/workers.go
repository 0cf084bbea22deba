package nginx

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
)

// oldWorkers are the workers that ran before the last reload. They go on
// taking connections for a moment, and answer with the old files.
type oldWorkers struct {
	mu      sync.Mutex
	noted   bool // there was a reload, and the processes could be seen
	inside  bool // they were looked for in a container
	workers []process
}

// process is one that /proc shows. The start time tells it from a later one
// with the same id.
type process struct {
	pid, parent int
	started     string
	title       string
}

// note remembers who takes connections now, just before a reload. On this host
// that may include another Nginx's workers; accepting tells them apart.
func (f *oldWorkers) note(v environment) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.inside, f.workers = v.pid != 0, nil
	all := processes("/proc")
	for _, p := range all {
		if p.takesConnections() && (!f.inside || descends(all, p, v.pid)) {
			f.workers = append(f.workers, p)
		}
	}
	f.noted = len(f.workers) > 0
}

// accepting tells whether one of them still takes connections, and whether
// that can be known. by is the worker that just answered.
func (f *oldWorkers) accepting(by int) (still, known bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.noted {
		return false, false
	}
	answering, ok := readProcess("/proc", by)
	if !f.inside && (!ok || !answering.takesConnections()) {
		return false, false // its id is one of another namespace
	}
	for _, was := range f.workers {
		if !f.inside && was.parent != answering.parent {
			continue
		}
		if is, ok := readProcess("/proc", was.pid); ok && is.started == was.started && is.takesConnections() {
			return true, true
		}
	}
	return false, true
}

// takesConnections reads the title that Nginx gives its processes, after its own name: a
// worker that is told to finish says so, and closes its listeners.
func (p process) takesConnections() bool {
	_, title, _ := strings.Cut(p.title, ": ")
	return strings.HasPrefix(title, "worker process") && !strings.Contains(title, "is shutting down")
}

func descends(all map[int]process, p process, root int) bool {
	for range all { // bounds the walk, should two snapshots make a circle
		if p.pid == root {
			return true
		}
		parent, ok := all[p.parent]
		if !ok {
			return false
		}
		p = parent
	}
	return false
}

func processes(proc string) map[int]process {
	all := map[int]process{}
	entries, err := os.ReadDir(proc)
	if err != nil {
		return all
	}
	for _, e := range entries {
		if pid, err := strconv.Atoi(e.Name()); err == nil {
			if p, ok := readProcess(proc, pid); ok {
				all[pid] = p
			}
		}
	}
	return all
}

func readProcess(proc string, pid int) (process, bool) {
	dir := filepath.Join(proc, strconv.Itoa(pid))
	stat, err := os.ReadFile(filepath.Join(dir, "stat"))
	if err != nil {
		return process{}, false
	}
	// The name stands in parentheses and may itself hold a parenthesis or a space.
	_, rest, ok := strings.Cut(string(stat[max(0, strings.LastIndexByte(string(stat), ')')):]), " ")
	fields := strings.Fields(rest)
	const parent, started = 1, 19 // fields 4 and 22 of proc(5), counted from the state
	if !ok || len(fields) <= started {
		return process{}, false
	}
	ppid, err := strconv.Atoi(fields[parent])
	if err != nil {
		return process{}, false
	}
	title, err := os.ReadFile(filepath.Join(dir, "cmdline"))
	if err != nil {
		return process{}, false
	}
	return process{pid, ppid, fields[started], strings.TrimRight(string(title), "\x00 ")}, true
}
