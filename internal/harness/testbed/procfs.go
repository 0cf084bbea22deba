package testbed

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// Process is one running process of an Nginx.
type Process struct {
	PID      int
	Resident int64  // bytes of memory that are in RAM, shared ones included
	Title    string // "nginx: worker process is shutting down"
	parent   int
	group    int
}

// Workers returns the worker processes: those that serve, and those of older
// configurations that have not ended yet.
func (n *Nginx) Workers() ([]Process, error) {
	master := n.PID()
	if master == 0 {
		return nil, errors.New("list nginx workers: nginx is stopped")
	}
	return processes(func(p Process) bool { return p.parent == master })
}

// ResidentMemory is the sum over the master and all workers, in bytes.
func (n *Nginx) ResidentMemory() (int64, error) {
	master := n.PID()
	if master == 0 {
		return 0, errors.New("measure nginx: nginx is stopped")
	}
	all, err := processes(func(p Process) bool { return p.PID == master || p.parent == master })
	var sum int64
	for _, p := range all {
		sum += p.Resident
	}
	return sum, err
}

// processes returns the living processes of this machine that match.
func processes(match func(Process) bool) ([]Process, error) {
	files, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return nil, err
	}
	var found []Process
	for _, file := range files {
		p, alive, err := readProcess(filepath.Dir(file))
		if err != nil {
			return nil, err
		}
		if alive && match(p) {
			found = append(found, p)
		}
	}
	return found, nil
}

// readProcess reads one directory of /proc. A process that has ended, also one
// that nobody waited for yet, is not alive.
func readProcess(dir string) (p Process, alive bool, err error) {
	stat, err := os.ReadFile(filepath.Join(dir, "stat"))
	if gone(err) {
		return p, false, nil
	}
	if err != nil {
		return p, false, err
	}
	// The second field is a name in parentheses that may hold anything.
	end := strings.LastIndexByte(string(stat), ')')
	f := strings.Fields(string(stat)[end+1:])
	if end < 0 || len(f) < 22 {
		return p, false, fmt.Errorf("read %s/stat: %q", dir, stat)
	}
	if f[0] == "Z" || f[0] == "X" {
		return p, false, nil
	}
	title, err := os.ReadFile(filepath.Join(dir, "cmdline"))
	if gone(err) {
		return p, false, nil
	}
	p.Title = strings.TrimRight(string(title), "\x00 ")
	pages, err4 := strconv.ParseInt(f[21], 10, 64)
	pid, err1 := strconv.Atoi(filepath.Base(dir))
	parent, err2 := strconv.Atoi(f[1])
	group, err3 := strconv.Atoi(f[2])
	p.PID, p.parent, p.group, p.Resident = pid, parent, group, pages*int64(os.Getpagesize())
	return p, true, errors.Join(err, err1, err2, err3, err4)
}

// gone tells whether the error means that a process ended while it was read.
func gone(err error) bool {
	return errors.Is(err, os.ErrNotExist) || errors.Is(err, syscall.ESRCH)
}
