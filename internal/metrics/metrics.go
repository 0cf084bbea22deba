package metrics

import (
	"net/http"
	"runtime"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"tandem/reconciler/deploy"
)

// Metrics is all that is counted. Its methods may be called from anywhere.
type Metrics struct {
	registry *prometheus.Registry

	build         *prometheus.GaugeVec
	deployments   *prometheus.CounterVec
	deployment    *prometheus.HistogramVec
	step          *prometheus.HistogramVec
	flip          prometheus.Histogram
	failures      *prometheus.CounterVec
	rejections    *prometheus.CounterVec
	watchFailures *prometheus.CounterVec
	breach        *prometheus.GaugeVec
	breachLimit   *prometheus.GaugeVec
	repairs       *prometheus.CounterVec
	phase         *prometheus.GaugeVec
	info          *prometheus.GaugeVec
	since         *prometheus.GaugeVec
	errorRatio    *prometheus.GaugeVec
	p95           *prometheus.GaugeVec
	probes        *prometheus.GaugeVec
	probesFailed  *prometheus.GaugeVec
	longestGap    *prometheus.GaugeVec
	polled        prometheus.Gauge
	pollFailed    prometheus.Counter
	withheld      prometheus.Gauge
	publishFailed prometheus.Counter
	notifications *prometheus.CounterVec
	eachApp       []forgetter
}

// forgetter is a metric with series an app.
type forgetter interface {
	DeletePartialMatch(prometheus.Labels) int
}

// New returns metrics in which nothing has happened yet.
func New() *Metrics {
	m := &Metrics{registry: prometheus.NewRegistry()}
	m.registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	m.ofTheAgent()
	m.ofTheLoop()
	m.ofApps()
	m.SetBuildInfo("unknown", "unknown")
	return m
}

func (m *Metrics) ofTheAgent() {
	m.build = register(m, prometheus.NewGaugeVec(gauge("build_info", "The build that runs; always 1."), []string{"version", "commit", "goversion"}))
	m.polled = register(m, prometheus.NewGauge(gauge("last_poll_success_timestamp_seconds", "When the repository was last read, 0 if never.")))
	m.pollFailed = register(m, prometheus.NewCounter(counter("poll_failures_total", "Looks at the repository that failed.")))
	m.withheld = register(m, prometheus.NewGauge(gauge("commit_withheld", "1 while the newest commit is not deployed because it is not verified.")))
	m.publishFailed = register(m, prometheus.NewCounter(counter("publish_failures_total", "Pushes of the status that failed.")))
	m.notifications = register(m, prometheus.NewCounterVec(counter("notifications_total", "Messages to receivers of notifications, by whether they arrived."), []string{"outcome"}))
	for _, outcome := range []string{arrived, lost} {
		m.notifications.WithLabelValues(outcome)
	}
}

func (m *Metrics) ofTheLoop() {
	m.step = register(m, prometheus.NewHistogramVec(
		histogram("step_duration_seconds", "How long steps took that went well.", .01, .05, .1, .5, 1, 2.5, 5, 10, 30, 60, 120, 300, 900), []string{"step"}))
	m.flip = register(m, prometheus.NewHistogram(
		histogram("flip_seconds", "How long it took to switch traffic, without the confirmation.", .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 15)))
}

func (m *Metrics) ofApps() {
	m.deployments = ofApp(m, prometheus.NewCounterVec(counter("deployments_total", "Deploys that ended, by how."), []string{"app", "result"}))
	m.deployment = ofApp(m, prometheus.NewHistogramVec(
		histogram("deployment_duration_seconds", "How long deploys took, the watch included.", 1, 2.5, 5, 10, 30, 60, 90, 120, 180, 300, 600, 1800, 3600), []string{"app"}))
	m.failures = ofApp(m, prometheus.NewCounterVec(counter("step_failures_total", "Steps that failed, by why."), []string{"app", "step", "reason"}))
	m.rejections = ofApp(m, prometheus.NewCounterVec(counter("rejections_total", "Releases that were turned down, by why."), []string{"app", "reason"}))
	m.watchFailures = ofApp(m, prometheus.NewCounterVec(counter("watch_failures_total", "Watches that failed, by the figure that was over its limit."), []string{"app", "figure"}))
	m.breach = ofApp(m, prometheus.NewGaugeVec(gauge("watch_breach", "What the figure was when it last failed a watch, in the unit that its name ends with."), []string{"app", "figure"}))
	m.breachLimit = ofApp(m, prometheus.NewGaugeVec(gauge("watch_breach_limit", "The limit that the figure was over when it last failed a watch."), []string{"app", "figure"}))
	m.repairs = ofApp(m, prometheus.NewCounterVec(counter("repairs_total", "Things that were put right: drift, changed files, lost containers."), []string{"app"}))
	m.phase = ofApp(m, prometheus.NewGaugeVec(gauge("phase", "1 for the phase that the app is in, 0 for the others."), []string{"app", "phase"}))
	m.info = ofApp(m, prometheus.NewGaugeVec(gauge("info", "The release that is live; always 1."), []string{"app", "tag", "color"}))
	m.since = ofApp(m, prometheus.NewGaugeVec(gauge("live_since_timestamp_seconds", "When the live release became live."), []string{"app"}))
	m.errorRatio = ofApp(m, prometheus.NewGaugeVec(gauge("watch_error_ratio", "Share of 5xx answers in the last watch, 0 to 1; missing without requests."), []string{"app"}))
	m.p95 = ofApp(m, prometheus.NewGaugeVec(gauge("watch_p95_seconds", "95th percentile of the time for an answer in the last watch; missing without requests."), []string{"app"}))
	m.probes = ofApp(m, prometheus.NewGaugeVec(gauge("deploy_probes", "The agent's own probes through Nginx in the last deploy."), []string{"app"}))
	m.probesFailed = ofApp(m, prometheus.NewGaugeVec(gauge("deploy_probes_failed", "Of the agent's own probes in the last deploy, those that failed."), []string{"app"}))
	m.longestGap = ofApp(m, prometheus.NewGaugeVec(gauge("deploy_longest_gap_seconds", "Longest time between two good answers in the last deploy."), []string{"app"}))
}

func register[C prometheus.Collector](m *Metrics, c C) C {
	m.registry.MustRegister(c)
	return c
}

// ofApp registers a metric whose series end with their app.
func ofApp[C interface {
	prometheus.Collector
	forgetter
}](m *Metrics, c C) C {
	m.eachApp = append(m.eachApp, c)
	return register(m, c)
}

const namespace = "tandem"

func gauge(name, help string) prometheus.GaugeOpts {
	return prometheus.GaugeOpts{Namespace: namespace, Name: name, Help: help}
}

func counter(name, help string) prometheus.CounterOpts {
	return prometheus.CounterOpts{Namespace: namespace, Name: name, Help: help}
}

func histogram(name, help string, buckets ...float64) prometheus.HistogramOpts {
	return prometheus.HistogramOpts{Namespace: namespace, Name: name, Help: help, Buckets: buckets}
}

// Handler answers GET /metrics.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{})
}

// SetBuildInfo says which build this is.
func (m *Metrics) SetBuildInfo(version, commit string) {
	m.build.Reset()
	m.build.WithLabelValues(version, commit, runtime.Version()).Set(1)
}

// Polled counts a look at the repository.
func (m *Metrics) Polled(err error) {
	if err != nil {
		m.pollFailed.Inc()
		return
	}
	m.polled.Set(float64(time.Now().UnixMilli()) / 1000)
}

// Withheld says whether the newest commit is not deployed because it is not
// verified.
func (m *Metrics) Withheld(yes bool) { m.withheld.Set(float(yes)) }

// Published counts a push of the status.
func (m *Metrics) Published(err error) {
	if err != nil {
		m.publishFailed.Inc()
	}
}

// The outcomes of a notification.
const (
	arrived = "arrived"
	lost    = "lost"
)

// Notified counts a message to one receiver.
func (m *Metrics) Notified(ok bool) {
	outcome := lost
	if ok {
		outcome = arrived
	}
	m.notifications.WithLabelValues(outcome).Inc()
}

// Forget ends the series of an app that left the repository.
func (m *Metrics) Forget(app string) {
	for _, f := range m.eachApp {
		f.DeletePartialMatch(prometheus.Labels{"app": app})
	}
}

// Handle counts an event.
func (m *Metrics) Handle(e deploy.Event) {
	switch e.Kind {
	case deploy.StepDone:
		m.step.WithLabelValues(label(e.Step.Action, actions())).Observe(e.Took.Seconds())
		if e.Step.Action == deploy.Flip {
			m.flip.Observe(e.Took.Seconds())
		}
	case deploy.StepFailed:
		m.failures.WithLabelValues(e.App, label(e.Step.Action, actions()), label(deploy.ReasonOf(e.Err), reasons())).Inc()
	case deploy.Rejecting:
		m.rejections.WithLabelValues(e.App, label(e.Reason, reasons())).Inc()
		m.failed(e.App, e.Breach)
	case deploy.Repaired:
		m.repairs.WithLabelValues(e.App).Inc()
	case deploy.DeployEnded:
		m.deployments.WithLabelValues(e.App, label(e.Entry.Result, results())).Inc()
		m.deployment.WithLabelValues(e.App).Observe(time.Duration(e.Entry.Took).Seconds())
	case deploy.StatusChanged:
		m.status(e.App, e.Status)
	}
}

// failed counts a watch that failed for a figure.
func (m *Metrics) failed(app string, b *deploy.Breach) {
	if b == nil {
		return
	}
	figure := label(b.Figure, deploy.Figures())
	m.watchFailures.WithLabelValues(app, figure).Inc()
	m.breach.WithLabelValues(app, figure).Set(b.Value)
	m.breachLimit.WithLabelValues(app, figure).Set(b.Limit)
}

func (m *Metrics) status(app string, s *deploy.Status) {
	for _, r := range results() { // a series that begins with 1 hides its first event from rate()
		m.deployments.WithLabelValues(app, string(r))
	}
	for _, p := range phases() {
		m.phase.WithLabelValues(app, string(p)).Set(float(p == s.Phase))
	}
	m.live(app, s.Live)
	if s.Receipt != nil {
		m.receipt(app, *s.Receipt)
	}
}

// live replaces the series of the release that was live: a tag is no bounded
// label, one a time is.
func (m *Metrics) live(app string, live *deploy.StatusLive) {
	m.info.DeletePartialMatch(prometheus.Labels{"app": app})
	m.since.DeleteLabelValues(app)
	if live != nil {
		m.info.WithLabelValues(app, live.Tag, string(live.Color)).Set(1)
		m.since.WithLabelValues(app).Set(float64(live.Since.Unix()))
	}
}

func (m *Metrics) receipt(app string, r deploy.Receipt) {
	m.probes.WithLabelValues(app).Set(float64(r.Probes))
	m.probesFailed.WithLabelValues(app).Set(float64(r.Failed))
	m.longestGap.WithLabelValues(app).Set(time.Duration(r.LongestGap).Seconds())
	if r.Requests == 0 { // no data is neither good nor bad
		m.errorRatio.DeleteLabelValues(app)
		m.p95.DeleteLabelValues(app)
		return
	}
	m.errorRatio.WithLabelValues(app).Set(float64(r.Errors) / float64(r.Requests))
	m.p95.WithLabelValues(app).Set(time.Duration(r.P95).Seconds())
}

func float(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
