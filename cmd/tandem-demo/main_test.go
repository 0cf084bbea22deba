package main

import (
	"strings"
	"testing"
)

// The story itself is tested in internal/harness/demo.
func TestRun_SaysWhatIsWrongAndPlaysNothing(t *testing.T) {
	for name, c := range map[string]struct {
		args []string
		code int
		says string
	}{
		"help":             {[]string{"-h"}, 0, "usage: tandem-demo"},
		"an unknown flag":  {[]string{"-keeep"}, exitUsage, "-keeep"},
		"an argument":      {[]string{"keep"}, exitUsage, "no arguments"},
		"both":             {[]string{"-keep", "-remove", "x"}, exitUsage, "exclude each other"},
		"no demo is there": {[]string{"-remove", t.TempDir()}, 1, "not the directory of a demo"},
		"no program":       {[]string{"-tandem", "/nonexistent/tandem"}, 1, "make build"},
	} {
		var out, errs strings.Builder
		if code := run(t.Context(), c.args, &out, &errs); code != c.code || !strings.Contains(errs.String(), c.says) || out.Len() > 0 {
			t.Errorf("%s: got %d, %q and %q, want %d and %q", name, code, out.String(), errs.String(), c.code, c.says)
		}
	}
}
