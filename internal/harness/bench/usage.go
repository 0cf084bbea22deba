package main

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
)

// ticksPerSecond is USER_HZ, in which Linux tells times of processes: see proc(5).
const ticksPerSecond = 100

// cpuOf is the CPU time that a process has used so far, in seconds.
func cpuOf(pid int) (float64, error) {
	file := fmt.Sprintf("/proc/%d/stat", pid)
	data, err := os.ReadFile(file)
	if err != nil {
		return 0, err
	}
	// Field 2 is the name in brackets, which may hold anything; 14 and 15 are the
	// time in user mode and in the kernel.
	_, rest, _ := strings.Cut(string(data), ") ")
	fields := strings.Fields(rest)
	if len(fields) < 13 {
		return 0, fmt.Errorf("read %s: %q", file, data)
	}
	user, err1 := strconv.Atoi(fields[11])
	system, err2 := strconv.Atoi(fields[12])
	if err := errors.Join(err1, err2); err != nil {
		return 0, fmt.Errorf("read %s: %w", file, err)
	}
	return float64(user+system) / ticksPerSecond, nil
}

// memory is what a process holds, in bytes.
type memory struct {
	resident float64 // VmRSS: pages in RAM, those of the program's file too
	highest  float64 // VmHWM: the most that resident ever was
}

// memoryOf reads the lines "VmRSS:  123 kB" of /proc/PID/status, see proc(5).
func memoryOf(pid int) (m memory, err error) {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return m, err
	}
	for line := range strings.Lines(string(data)) {
		var kb float64
		if n, _ := fmt.Sscanf(line, "VmRSS: %g kB", &kb); n == 1 {
			m.resident = kb * 1024
		}
		if n, _ := fmt.Sscanf(line, "VmHWM: %g kB", &kb); n == 1 {
			m.highest = kb * 1024
		}
	}
	if m.resident == 0 || m.highest == 0 {
		return m, fmt.Errorf("process %d has no memory: has it ended?", pid)
	}
	return m, nil
}

// megabytes prints bytes.
func megabytes(f float64) string { return plain(f/1e6) + " MB" }
