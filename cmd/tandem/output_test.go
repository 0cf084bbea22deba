package main

import (
	"encoding/json"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"tandem/reconciler/deploy"
)

func TestShow_MachineFormatsReachATerminalHarmless(t *testing.T) {
	s := deploy.Status{App: "shop", Message: "\x1b[2J\u009b31m\u202e\U000e0041 ü\nsecond line"}
	for _, format := range []string{"json", "yaml"} {
		var b strings.Builder
		if err := show(&b, &choice{value: format}, s, nil); err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(b.String()) {
			if line = strings.TrimSuffix(line, "\n"); line != printable(line) {
				t.Errorf("%s holds %q", format, line)
			}
		}
		if format == "json" {
			var back deploy.Status
			if err := json.Unmarshal([]byte(b.String()), &back); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(s, back); diff != "" {
				t.Errorf("json does not read back (-want +got):\n%s", diff)
			}
		}
	}
}

func TestShow_TableIsForPeople(t *testing.T) {
	var b strings.Builder
	err := show(&b, &choice{value: "table"}, nil, func(w io.Writer) error {
		_, err := io.WriteString(w, "table")
		return err
	})
	if err != nil || b.String() != "table" {
		t.Errorf("show = %q, %v", &b, err)
	}
}
