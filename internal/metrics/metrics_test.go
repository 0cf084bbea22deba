package metrics

import (
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"net/http/httptest"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"tandem/reconciler/deploy"
)

// scrape returns the series of tandem as Prometheus would read them.
func scrape(t *testing.T, m *Metrics) []string {
	t.Helper()
	w := httptest.NewRecorder()
	m.Handler().ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	body, err := io.ReadAll(w.Body)
	if err != nil || w.Code != 200 {
		t.Fatalf("scrape: %d, %v: %s", w.Code, err, body)
	}
	var series []string
	for line := range strings.Lines(string(body)) {
		if strings.HasPrefix(line, "tandem_") {
			series = append(series, strings.TrimSpace(line))
		}
	}
	return series
}

// about returns the series whose name begins so.
func about(t *testing.T, m *Metrics, names ...string) []string {
	t.Helper()
	return slices.DeleteFunc(scrape(t, m), func(s string) bool {
		return !slices.ContainsFunc(names, func(n string) bool { return strings.HasPrefix(s, n+"{") || strings.HasPrefix(s, n+" ") })
	})
}

func shop(phase deploy.Phase, live *deploy.StatusLive, receipt *deploy.Receipt) deploy.Event {
	return deploy.Event{App: "shop", Kind: deploy.StatusChanged, Status: &deploy.Status{App: "shop", Phase: phase, Live: live, Receipt: receipt}}
}

// aDay is one event of each kind.
func aDay(m *Metrics) {
	m.SetBuildInfo("v1.2.3", "c0ffee")
	m.Polled(nil)
	m.Polled(errors.New("git is away"))
	m.Withheld(true)
	m.Published(nil)
	m.Published(errors.New("refused"))
	m.Notified(true)
	m.Notified(false)
	flip := deploy.Step{Action: deploy.Flip, Color: deploy.Green}
	watch := deploy.Step{Action: deploy.Watch, Color: deploy.Green}
	for _, e := range []deploy.Event{
		{Kind: deploy.StepDone, Step: flip, Took: 4 * time.Millisecond},
		{Kind: deploy.StepFailed, Step: watch, Reason: deploy.NewRelease, Err: &deploy.RejectError{Reason: deploy.WatchFailed}},
		{Kind: deploy.StepFailed, Step: flip, Err: &deploy.RouterError{Reason: deploy.NginxAway}},
		{Kind: deploy.Rejecting, Step: watch, Reason: deploy.WatchFailed, Breach: &deploy.Breach{Figure: deploy.ErrorRatio, Value: 0.05, Limit: 0.01}},
		{Kind: deploy.Repaired},
		{Kind: deploy.DeployEnded, Entry: &deploy.Entry{Result: deploy.RolledBack, Took: deploy.Took(70 * time.Second)}},
	} {
		e.App = "shop"
		m.Handle(e)
	}
	m.Handle(shop(deploy.PhaseHeld, &deploy.StatusLive{Tag: "1.4.2", Color: deploy.Blue, Since: time.Unix(1700000000, 0)},
		&deploy.Receipt{Probes: 812, Failed: 1, LongestGap: deploy.Took(21 * time.Millisecond), Requests: 400, Errors: 20, P95: deploy.Took(41 * time.Millisecond)}))
}

func TestMetrics_CountEachEvent(t *testing.T) {
	m := New()
	aDay(m)
	got := slices.DeleteFunc(scrape(t, m), func(s string) bool {
		return strings.Contains(s, "_bucket{") || strings.HasPrefix(s, "tandem_build_info") || strings.HasPrefix(s, "tandem_last_poll")
	})
	want := []string{
		"tandem_commit_withheld 1",
		`tandem_deploy_longest_gap_seconds{app="shop"} 0.021`,
		`tandem_deploy_probes{app="shop"} 812`,
		`tandem_deploy_probes_failed{app="shop"} 1`,
		`tandem_deployment_duration_seconds_count{app="shop"} 1`,
		`tandem_deployment_duration_seconds_sum{app="shop"} 70`,
		`tandem_deployments_total{app="shop",result="Promoted"} 0`,
		`tandem_deployments_total{app="shop",result="Refused"} 0`,
		`tandem_deployments_total{app="shop",result="Rejected"} 0`,
		`tandem_deployments_total{app="shop",result="Reverted"} 0`,
		`tandem_deployments_total{app="shop",result="RolledBack"} 1`,
		`tandem_deployments_total{app="shop",result="Superseded"} 0`,
		`tandem_flip_seconds_count 1`,
		`tandem_flip_seconds_sum 0.004`,
		`tandem_info{app="shop",color="blue",tag="1.4.2"} 1`,
		`tandem_live_since_timestamp_seconds{app="shop"} 1.7e+09`,
		`tandem_notifications_total{outcome="arrived"} 1`,
		`tandem_notifications_total{outcome="lost"} 1`,
		`tandem_phase{app="shop",phase="Degraded"} 0`,
		`tandem_phase{app="shop",phase="Deploying"} 0`,
		`tandem_phase{app="shop",phase="Held"} 1`,
		`tandem_phase{app="shop",phase="Live"} 0`,
		`tandem_phase{app="shop",phase="Paused"} 0`,
		`tandem_phase{app="shop",phase="Refused"} 0`,
		`tandem_poll_failures_total 1`,
		`tandem_publish_failures_total 1`,
		`tandem_rejections_total{app="shop",reason="WatchFailed"} 1`,
		`tandem_repairs_total{app="shop"} 1`,
		`tandem_step_duration_seconds_count{step="flip"} 1`,
		`tandem_step_duration_seconds_sum{step="flip"} 0.004`,
		`tandem_step_failures_total{app="shop",reason="NginxAway",step="flip"} 1`,
		`tandem_step_failures_total{app="shop",reason="WatchFailed",step="watch"} 1`,
		`tandem_watch_breach_limit{app="shop",figure="error_ratio"} 0.01`,
		`tandem_watch_breach{app="shop",figure="error_ratio"} 0.05`,
		`tandem_watch_error_ratio{app="shop"} 0.05`,
		`tandem_watch_failures_total{app="shop",figure="error_ratio"} 1`,
		`tandem_watch_p95_seconds{app="shop"} 0.041`,
	}
	slices.Sort(got)
	slices.Sort(want)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("series (-want +got):\n%s", diff)
	}
	if got := about(t, m, "tandem_build_info"); len(got) != 1 || !strings.Contains(got[0], `version="v1.2.3"`) {
		t.Errorf("build: %q, want one series with the version", got)
	}
	if got := about(t, m, "tandem_last_poll_success_timestamp_seconds"); len(got) != 1 || strings.HasSuffix(got[0], " 0") {
		t.Errorf("last poll: %q, want the time of the poll that went well", got)
	}
}

func TestMetrics_KeepTheConventions(t *testing.T) {
	m := New()
	aDay(m)
	problems, err := testutil.GatherAndLint(m.registry)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
}

func TestMetrics_AnAppThatLeavesTakesItsSeriesAlong(t *testing.T) {
	m := New()
	aDay(m)
	blog := shop(deploy.PhaseLive, nil, nil)
	blog.App = "blog"
	m.Handle(blog)
	m.Forget("shop")
	for _, s := range scrape(t, m) {
		if strings.Contains(s, `"shop"`) {
			t.Errorf("left behind: %s", s)
		}
	}
	if got := about(t, m, "tandem_phase"); len(got) != len(phases()) {
		t.Errorf("the other app has %d phases, want %d", len(got), len(phases()))
	}
}

func TestMetrics_OnlyTheLiveReleaseHasASeries(t *testing.T) {
	m := New()
	for _, tag := range []string{"1", "2", "3"} {
		m.Handle(shop(deploy.PhaseLive, &deploy.StatusLive{Tag: tag, Color: deploy.Green}, nil))
	}
	want := []string{`tandem_info{app="shop",color="green",tag="3"} 1`}
	if diff := cmp.Diff(want, about(t, m, "tandem_info")); diff != "" {
		t.Errorf("live (-want +got):\n%s", diff)
	}
	m.Handle(shop(deploy.PhaseDegraded, nil, nil))
	if got := about(t, m, "tandem_info", "tandem_live_since_timestamp_seconds"); len(got) != 0 {
		t.Errorf("nothing is live, yet: %q", got)
	}
}

func TestMetrics_AWatchWithoutRequestsShowsNoFigure(t *testing.T) {
	m := New()
	aDay(m)
	m.Handle(shop(deploy.PhaseLive, nil, &deploy.Receipt{}))
	if got := about(t, m, "tandem_watch_error_ratio", "tandem_watch_p95_seconds"); len(got) != 0 {
		t.Errorf("no data is neither good nor bad, yet: %q", got)
	}
}

func TestMetrics_AnUnknownWordMakesNoSeriesOfItsOwn(t *testing.T) {
	m := New()
	for _, word := range []string{"Foo", "Bar"} {
		m.Handle(deploy.Event{App: "shop", Kind: deploy.Rejecting, Reason: deploy.Reason(word)})
		m.Handle(deploy.Event{App: "shop", Kind: deploy.StepDone, Step: deploy.Step{Action: deploy.Action(word)}})
		m.Handle(deploy.Event{App: "shop", Kind: deploy.DeployEnded, Entry: &deploy.Entry{Result: deploy.Result(word)}})
	}
	want := []string{
		`tandem_deployments_total{app="shop",result="other"} 2`,
		`tandem_rejections_total{app="shop",reason="other"} 2`,
		`tandem_step_duration_seconds_count{step="other"} 2`,
	}
	got := about(t, m, "tandem_deployments_total", "tandem_rejections_total", "tandem_step_duration_seconds_count")
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("series (-want +got):\n%s", diff)
	}
}

func TestLabels_KnowEveryWordThatThereIs(t *testing.T) {
	for name, list := range map[string][]string{
		"Action": words(actions()), "Result": words(results()), "Phase": words(phases()), "Reason": words(reasons()), "Figure": words(deploy.Figures()),
	} {
		if diff := cmp.Diff(constants(t, name), list); diff != "" {
			t.Errorf("%s (-declared +listed):\n%s", name, diff)
		}
	}
}

func words[T ~string](list []T) []string {
	var out []string
	for _, w := range list {
		out = append(out, string(w))
	}
	slices.Sort(out)
	return out
}

// constants returns the values of the constants of package deploy of one type.
func constants(t *testing.T, typ string) []string {
	t.Helper()
	var out []string
	for _, file := range []string{"step.go", "memory.go", "status.go", "reason.go", "limit.go"} {
		f, err := parser.ParseFile(token.NewFileSet(), "../../reconciler/deploy/"+file, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(f, func(n ast.Node) bool {
			spec, ok := n.(*ast.ValueSpec)
			if !ok {
				return true
			}
			if id, ok := spec.Type.(*ast.Ident); ok && id.Name == typ {
				value, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
				if err != nil {
					t.Fatal(err)
				}
				out = append(out, value)
			}
			return true
		})
	}
	slices.Sort(out)
	return out
}

var documented = regexp.MustCompile("`(tandem_[a-z0-9_]+)(?:\\{([a-z,]+)\\})?`")

func TestDocs_ListEveryMetricWithItsLabels(t *testing.T) {
	page, err := os.ReadFile("../../docs/monitoring.md")
	if err != nil {
		t.Fatal(err)
	}
	told := map[string]string{}
	for line := range strings.Lines(string(page)) {
		if cell, isRow := strings.CutPrefix(line, "| "); isRow {
			first, _, _ := strings.Cut(cell, " | ")
			for _, m := range documented.FindAllStringSubmatch(first, -1) {
				told[m[1]] = sortedWords(m[2])
			}
		}
	}
	m := New()
	aDay(m)
	families, err := m.registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	have := map[string]string{}
	for _, f := range families {
		if !strings.HasPrefix(f.GetName(), "tandem_") {
			continue
		}
		var labels []string
		for _, l := range f.GetMetric()[0].GetLabel() {
			labels = append(labels, l.GetName())
		}
		have[f.GetName()] = sortedWords(strings.Join(labels, ","))
	}
	if diff := cmp.Diff(have, told); diff != "" {
		t.Errorf("docs/monitoring.md (-code +page):\n%s", diff)
	}
}

func sortedWords(list string) string {
	words := strings.Split(list, ",")
	slices.Sort(words)
	return strings.Join(words, ",")
}
