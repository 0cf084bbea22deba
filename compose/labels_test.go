package compose

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestRoster_ReadsBackWhatItWrote(t *testing.T) {
	want := roster{{"api", 1, false}, {"migrate-expand", 1, true}, {"my.worker_2", 12, false}, {"twice", 2, true}}
	text := want.String()
	if text != "api,migrate-expand:once,my.worker_2*12,twice*2:once" {
		t.Errorf("text is %q", text)
	}
	if diff := cmp.Diff(want, parseRoster(text)); diff != "" {
		t.Errorf("read back (-want +got):\n%s", diff)
	}
}

func TestParseRoster_LeavesOutWhatItCannotRead(t *testing.T) {
	for text, want := range map[string]roster{
		"": nil, ",,": nil, "a*x,b": {{"b", 1, false}}, ":once": nil, "b,a": {{"a", 1, false}, {"b", 1, false}},
	} {
		if diff := cmp.Diff(want, parseRoster(text)); diff != "" {
			t.Errorf("%q (-want +got):\n%s", text, diff)
		}
	}
}
