package compose

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestRoster_ReadsBackWhatItWrote(t *testing.T) {
	want := roster{
		{"api", 1, false, false}, {"migrate-expand", 1, true, false}, {"my.worker_2", 12, false, false},
		{"scheduler", 2, false, true}, {"seed", 1, true, true}, {"twice", 2, true, false},
	}
	text := want.String()
	if text != "api,migrate-expand:once,my.worker_2*12,scheduler*2:single,seed:once:single,twice*2:once" {
		t.Errorf("text is %q", text)
	}
	if diff := cmp.Diff(want, parseRoster(text)); diff != "" {
		t.Errorf("read back (-want +got):\n%s", diff)
	}
}

func TestParseRoster_LeavesOutWhatItCannotRead(t *testing.T) {
	for text, want := range map[string]roster{
		"": nil, ",,": nil, "a*x,b": {{"b", 1, false, false}}, ":once": nil, ":single": nil, "b,a": {{"a", 1, false, false}, {"b", 1, false, false}},
	} {
		if diff := cmp.Diff(want, parseRoster(text)); diff != "" {
			t.Errorf("%q (-want +got):\n%s", text, diff)
		}
	}
}
