package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"

	"github.com/google/licensecheck"
)

// enough is the share of a file, in percent, that has to be the text of known
// licences: the rest are names, years and headings.
const enough = 75

var (
	licenseFile = regexp.MustCompile(`(?i)^(un)?licen[cs]e|^copying`)
	// notCode is what is licensed by such a file but is not in the binary, and a
	// source file that only has such a name.
	notCode = []string{".docs", ".go"}
)

// scan returns the licences of what the binary has of a module: those beside its
// packages and above them, up to the module's own.
func (m module) scan() ([]string, error) {
	var found, seen []string
	for _, dir := range m.packages {
		for ; len(dir) >= len(m.dir) && !slices.Contains(seen, dir); dir = filepath.Dir(dir) {
			seen = append(seen, dir)
			here, err := licensesIn(dir)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", m.path, err)
			}
			found = append(found, here...)
		}
	}
	slices.Sort(found)
	if found = slices.Compact(found); len(found) == 0 {
		return nil, fmt.Errorf("%s %s has no licence file: ask its owners, or do without it", m.path, m.version)
	}
	return found, nil
}

// licensesIn recognises the licence files of one directory.
func licensesIn(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var found []string
	for _, e := range entries {
		if !e.Type().IsRegular() || !licenseFile.MatchString(e.Name()) || slices.Contains(notCode, filepath.Ext(e.Name())) {
			continue
		}
		text, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			return nil, err
		}
		names, err := recognise(text)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", e.Name(), err)
		}
		found = append(found, names...)
	}
	return found, nil
}

// recognise returns the SPDX names of the licences that a text is made of.
func recognise(text []byte) ([]string, error) {
	coverage := licensecheck.Scan(text)
	var names []string
	for _, match := range coverage.Match {
		if !slices.Contains(names, match.ID) {
			names = append(names, match.ID)
		}
	}
	if len(names) == 0 || coverage.Percent < enough {
		return nil, fmt.Errorf("%.0f %% of it is the text of a known licence (%q): read it", coverage.Percent, names)
	}
	return names, nil
}
