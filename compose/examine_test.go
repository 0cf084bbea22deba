package compose_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"tandem/compose"
	"tandem/internal/harness/testbed/tb"
	"tandem/reconciler/deploy"
)

func TestHealth_RunsTheContainersOwnCommand(t *testing.T) {
	b := newBed(t, "health")
	b.runs(b.image+":1", `
  good:  {image: 'IMAGE:1', command: [wait], healthcheck: {test: [CMD, /probe, exit, '0'], interval: 1h}}
  bad:   {image: 'IMAGE:1', command: [wait], healthcheck: {test: [CMD, /probe, exit, '3'], interval: 1h}}
  hangs: {image: 'IMAGE:1', command: [wait], healthcheck: {test: [CMD, /probe, hang], interval: 1h, timeout: 1s}}
  loud:  {image: 'IMAGE:1', command: [wait], healthcheck: {test: [CMD, /probe, flood], interval: 1h}}
  wrong: {image: 'IMAGE:1', command: [wait], healthcheck: {test: [CMD, /no/such/program], interval: 1h}}
  none:  {image: 'IMAGE:1', command: [wait], healthcheck: {disable: true}}
`)
	b.up(deploy.Blue)
	cases := map[string][]string{
		"good": nil, "bad": {"exit code 3", "leaving with 3"}, "hangs": {"no answer within 1s"},
		"loud": {"exit code 3", "the end"}, "wrong": {"/no/such/program"}, "none": {"no health command"},
	}
	for service, words := range cases {
		c := b.instance(deploy.Blue, service)
		if c.HealthCommand != (service != "none") {
			t.Errorf("%s: it has a health command: %t", service, c.HealthCommand)
		}
		err := b.client.Health(t.Context(), c)
		if (err == nil) != (words == nil) {
			t.Errorf("%s: got %v", service, err)
			continue
		}
		for _, w := range words {
			if !strings.Contains(err.Error(), w) {
				t.Errorf("%s: %q does not mention %q", service, err, w)
			}
		}
		if err != nil && len(err.Error()) > 4<<10+200 {
			t.Errorf("%s: the error is %d bytes long", service, len(err.Error()))
		}
	}
}

func TestHealth_ACommandThatFailsIsNotTakenForOneThatPassed(t *testing.T) {
	late := tb.LateEngine(t, tb.Engine(t))
	b := newBed(t, "latehealth", func(o *compose.Options) { o.Host = late.Host() })
	b.runs(b.image+":1", "  bad: {image: 'IMAGE:1', command: [wait], healthcheck: {test: [CMD, /probe, exit, '3'], interval: 1h}}\n")
	b.up(deploy.Blue)
	err := b.client.Health(t.Context(), b.instance(deploy.Blue, "bad"))
	if late.Told() == 0 || err == nil || !strings.Contains(err.Error(), "exit code 3") {
		t.Errorf("got %v after the engine was late for %d commands, want exit code 3", err, late.Told())
	}
}

func TestLogs_ReadBothStreamsWithoutTheirControlCharacters(t *testing.T) {
	b := newBed(t, "logs")
	b.runs(b.image+":1", `
  plain: {image: 'IMAGE:1', command: [print, 'one\ntwo \x1b[31mred\x1b[0m\n', 'three\x07\n']}
  terminal: {image: 'IMAGE:1', tty: true, command: [print, 'one\n\x1b]0;title\x07two\n', 'three\n']}
  many: {image: 'IMAGE:1', command: [flood]}
`)
	b.up(deploy.Blue)
	logs := func(service string, n int) string {
		t.Helper()
		text, err := b.client.Logs(t.Context(), b.instance(deploy.Blue, service), n)
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	for service, want := range map[string][]string{"plain": {"one", "three", "two red"}, "terminal": {"one", "three", "two"}} {
		tb.Until(t, patience, "the log of "+service, func() error {
			got := strings.Split(logs(service, 10), "\n")
			if len(got) != len(want) {
				return mismatch{got, want}
			}
			return nil
		})
		got := strings.Split(logs(service, 10), "\n")
		for _, line := range want {
			if !contains(got, line) {
				t.Errorf("%s: log is %q, want the line %q in it", service, got, line)
			}
		}
		if diff := cmp.Diff(1, len(strings.Split(logs(service, 1), "\n"))); diff != "" {
			t.Errorf("%s: lines of the last one (-want +got):\n%s", service, diff)
		}
	}
	tb.Until(t, patience, "the end of the long log", func() error {
		if text := logs("many", 10); !strings.HasSuffix(text, "the end") || len(text) > 64<<10 {
			return mismatch{got: []string{text[max(0, len(text)-20):]}, want: []string{"the end of it, not more than 64 KiB"}}
		}
		return nil
	})
}

type mismatch struct{ got, want []string }

func (m mismatch) Error() string { return cmp.Diff(m.want, m.got) }

func contains(lines []string, line string) bool {
	for _, l := range lines {
		if l == line {
			return true
		}
	}
	return false
}
