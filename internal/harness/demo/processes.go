package demo

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// process is one running program. The start tells it from a later one that was
// given the same id.
type process struct {
	PID    int    `json:"pid"`
	Start  uint64 `json:"start"` // clock ticks after the machine's start
	Args   string `json:"args"`  // the command line, with blanks between the words
	parent int
	group  int
}

// processes returns every living process of this machine.
func processes() ([]process, error) {
	dirs, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		return nil, err
	}
	var all []process
	for _, dir := range dirs {
		p, err := readProcess(dir)
		switch {
		case errors.Is(err, os.ErrNotExist), errors.Is(err, syscall.ESRCH), errors.Is(err, errDead):
			continue // it ended while the list was read
		case err != nil:
			return nil, fmt.Errorf("list processes: %w", err)
		}
		all = append(all, p)
	}
	return all, nil
}

var errDead = errors.New("dead, and not yet waited for")

func readProcess(dir string) (process, error) {
	stat, err := os.ReadFile(filepath.Join(dir, "stat"))
	if err != nil {
		return process{}, err
	}
	args, err := os.ReadFile(filepath.Join(dir, "cmdline"))
	if err != nil {
		return process{}, err
	}
	// The second field is a name in parentheses that may hold anything.
	fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
	if len(fields) < 20 {
		return process{}, fmt.Errorf("read %s/stat: %q", dir, stat)
	}
	if fields[0] == "Z" || fields[0] == "X" {
		return process{}, errDead
	}
	p := process{Args: strings.TrimSpace(strings.ReplaceAll(string(args), "\x00", " "))}
	var errs [4]error
	p.PID, errs[0] = strconv.Atoi(filepath.Base(dir))
	p.parent, errs[1] = strconv.Atoi(fields[1])
	p.group, errs[2] = strconv.Atoi(fields[2])
	p.Start, errs[3] = strconv.ParseUint(fields[19], 10, 64)
	return p, errors.Join(errs[:]...)
}

// bootID changes with each start of the machine, and process ids with it.
func bootID() (string, error) {
	id, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	return strings.TrimSpace(string(id)), err
}
