package reconciler

import (
	"strconv"
	"strings"
	"testing"

	"tandem/reconciler/deploy"
)

// TestStatus_HoldsNothingThatIsNotSeen has what turns text around, or hides it, in each
// place that has words from elsewhere.
func TestStatus_HoldsNothingThatIsNotSeen(t *testing.T) {
	for odd, want := range map[string]string{
		"\u202e": `\u202e`, "\u2066": `\u2066`, "\u2067": `\u2067`, "\u2068": `\u2068`, "\u2069": `\u2069`,
		"\u200f": `\u200f`, "\u061c": `\u061c`, "\u200b": `\u200b`, "\u009b31m": `\u009b31m`, "\U000e0041": `\U000e0041`,
	} {
		s := deploy.Status{
			App: "shop", Message: "conf" + odd + ".env: no such file\n  | a log" + odd + "line",
			Live:    &deploy.StatusLive{Tag: "1" + odd, Images: map[string]string{"api" + odd: "x" + odd}},
			Standby: &deploy.StatusStack{Tag: "0" + odd}, Receipt: &deploy.Receipt{Verdict: "v" + odd},
		}
		printable(&s)
		data, err := EncodeStatus(s)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range string(data) {
			if r != '\n' && !strconv.IsPrint(r) {
				t.Errorf("%q holds %U", data, r)
			}
		}
		back, err := ParseStatus(data)
		if err != nil || !strings.Contains(back.Message, "conf"+want+".env") || back.Live.Images["api"+want] != "x"+want || back.Standby.Tag != "0"+want {
			t.Errorf("%s reads back as %+v, %v", data, back, err)
		}
	}
}
