package testbed_test

import (
	"strings"
	"testing"

	"tandem/internal/harness/testbed/tb"
)

func TestDebian_HoldsThePackagesAndIsMadeOnce(t *testing.T) {
	e := tb.Engine(t)
	ref := tb.Debian(t, e)
	if got := output(t, e, ref, "node", "-e", "console.log(String(6 * 7))"); got != "42" {
		t.Errorf("node wrote %q, want 42", got)
	}
	if got := output(t, e, ref, "curl", "--version"); !strings.HasPrefix(got, "curl ") {
		t.Errorf("curl wrote %q", got)
	}
	before, err := e.Client.ImageInspect(t.Context(), ref)
	if err != nil {
		t.Fatal(err)
	}
	again := tb.Debian(t, e)
	after, err := e.Client.ImageInspect(t.Context(), again)
	if err != nil {
		t.Fatal(err)
	}
	if again != ref || after.ID != before.ID {
		t.Errorf("second time: %s %s, want %s %s", again, after.ID, ref, before.ID)
	}
}
