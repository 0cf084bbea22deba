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
	highest  float64 // VmHWM: the most that resident ever was, or since forgetHighest
	share    float64 // Pss: like resident, but a page of several processes is divided among them
}

// memoryOf reads proc(5).
func memoryOf(pid int) (memory, error) {
	status, err := kilobytes(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return memory{}, err
	}
	rollup, err := kilobytes(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
	if err != nil {
		return memory{}, err
	}
	m := memory{resident: status["VmRSS"], highest: status["VmHWM"], share: rollup["Pss"]}
	if m.resident == 0 || m.highest == 0 || m.share == 0 {
		return memory{}, fmt.Errorf("process %d has no memory: has it ended?", pid)
	}
	return m, nil
}

// forgetHighest makes VmHWM begin anew.
func forgetHighest(pid int) error {
	return os.WriteFile(fmt.Sprintf("/proc/%d/clear_refs", pid), []byte("5"), 0)
}

// kilobytes reads the lines "Name: 123 kB" of a file, as bytes.
func kilobytes(file string) (map[string]float64, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	found := map[string]float64{}
	for line := range strings.Lines(string(data)) {
		name, value, _ := strings.Cut(line, ":")
		number, isSize := strings.CutSuffix(strings.TrimSpace(value), " kB")
		if !isSize {
			continue
		}
		n, err := strconv.ParseFloat(strings.TrimSpace(number), 64)
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", file, err)
		}
		found[name] = n * 1024
	}
	return found, nil
}

// megabytes prints bytes.
func megabytes(f float64) string { return plain(f/1e6) + " MB" }

// kilo prints bytes that are few.
func kilo(f float64) string { return plain(f/1e3) + " kB" }
