package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"log/slog"
	"strconv"
	"testing"
)

// TestLogger_NoLineTurnsATerminalAround logs what a commit, a container or a file's name
// may hold, in both formats.
func TestLogger_NoLineTurnsATerminalAround(t *testing.T) {
	for _, format := range []string{"json", "text"} {
		for _, odd := range []string{"\u202e", "\u2066", "\u2069", "\u200f", "\u061c", "\u200b", "\x1b[2J", "\u009b31m", "a\nlevel=ERROR"} {
			var b bytes.Buffer
			s := &settings{}
			s.logFormat.value = format
			log, err := s.logger(&b, slog.LevelInfo)
			if err != nil {
				t.Fatal(err)
			}
			log.With("who"+odd, odd).Info("deployed"+odd, "subject", odd, "err", errors.New(odd), "list", []string{odd})
			line := bytes.TrimSuffix(b.Bytes(), []byte("\n"))
			for _, r := range string(line) {
				if !strconv.IsPrint(r) {
					t.Errorf("%s: %q holds %U", format, line, r)
				}
			}
			if format == "text" {
				continue
			}
			var back map[string]any
			if err := json.Unmarshal(line, &back); err != nil || back["subject"] != odd {
				t.Errorf("%s reads back as %v, %v", line, back, err)
			}
		}
	}
}
