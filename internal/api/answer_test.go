package api

import (
	"encoding/json"
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"

	"tandem/reconciler/deploy"
)

// TestAnswer_HoldsNothingThatATerminalDoesNotShow asks for what has, in each place, what
// turns text around or hides it. What the answer says is exactly what it was.
func TestAnswer_HoldsNothingThatATerminalDoesNotShow(t *testing.T) {
	for _, odd := range []string{"\u202e", "\u2066", "\u2067", "\u2068", "\u2069", "\u200f", "\u061c", "\u200b", "\u009b31m", "\U000e0041"} {
		want := []deploy.Status{{
			App: "shop", Host: "h" + odd, Message: "line one" + odd + "\n  | log" + odd, Desired: deploy.StatusDesired{Tag: "1" + odd},
			Live:    &deploy.StatusLive{Tag: odd, Images: map[string]string{"api" + odd: "sha256:" + odd}},
			Standby: &deploy.StatusStack{Tag: odd}, Receipt: &deploy.Receipt{Verdict: odd},
		}}
		s := serve(t, Options{Control: &desk{statuses: want}})
		_, body := get(t, "http://"+s.Addr()+"/api/v1/apps")
		wantShown(t, body)
		var got []deploy.Status
		if err := json.Unmarshal([]byte(body), &got); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%q (-want +got):\n%s", odd, diff)
		}
		_, body = get(t, "http://"+s.Addr()+"/api/v1/apps/none%E2%80%AE")
		wantShown(t, body)
	}
}

func wantShown(t *testing.T, body string) {
	t.Helper()
	for _, r := range body {
		if r != '\n' && !strconv.IsPrint(r) {
			t.Errorf("%q holds %U", body, r)
		}
	}
}
