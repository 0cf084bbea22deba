package e2e

import (
	"bytes"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/docker/compose/v5/pkg/api"

	"tandem/internal/config"
	"tandem/internal/harness/testbed"
	"tandem/internal/harness/testbed/tb"
	"tandem/internal/scaffold"
	"tandem/reconciler/deploy"
)

// TestShop_ADatabaseThatRunsIsAdoptedUnderLoad moves the shop from Docker Compose to tandem
// while people order: PostgreSQL is the container that ran before, with its rows, and the
// one reload of Nginx is all that may cost them anything.
func TestShop_ADatabaseThatRunsIsAdoptedUnderLoad(t *testing.T) {
	t.Parallel()
	var old string
	s := newShop(t, func(e *testbed.Engine, app string) {
		old = app + "-old"
		tb.Project(t, e, old)
	})
	ports := tb.Ports(t, 2)
	put(t, s.path("compose.yaml"), "3000:3000", fmt.Sprintf("%d:3000", ports[0]), "3100:3000", fmt.Sprintf("%d:3000", ports[1]))
	up := api.ProjectLoadOptions{ProjectName: old, ConfigPaths: []string{s.path("compose.yaml")}}
	up.Profiles = []string{"migrate"} // the tables of release 1
	up.Services = []string{"migrate-expand"}
	composeUp(t, up)
	tb.Until(t, patience, "the tables of release 1", func() error {
		if c := s.inspectOne(old + "-migrate-expand-1"); c.State.Status != "exited" || c.State.ExitCode != 0 {
			return fmt.Errorf("%s, %d", c.State.Status, c.State.ExitCode)
		}
		return nil
	})
	up.Profiles, up.Services = nil, nil
	composeUp(t, up)
	s.database = old + "-postgres-1"
	formerSite := strings.NewReplacer("ORDERS", fmt.Sprint(ports[0]), "PAGE", fmt.Sprint(ports[1]), "PORT", fmt.Sprint(s.port)).Replace(`
    upstream shop_pages { server 127.0.0.1:PAGE; }
    server {
        listen 127.0.0.1:PORT;
        proxy_http_version 1.1;
        proxy_set_header Connection "";
        location / { proxy_pass http://shop_pages; }
        location /api/ { proxy_pass http://127.0.0.1:ORDERS/; }
    }
`)
	check(t, s.Nginx.Configure(testbed.NginxConfig{HTTP: formerSite}))
	check(t, s.Nginx.ReloadAndWait(t.Context()))
	tb.Until(t, patience, "the shop under Docker Compose", func() error { return answers(fmt.Sprintf("http://127.0.0.1:%d/api/", s.port)) })
	s.initFinds("adopt: "+old, "upstream: shop_pages")
	traffic := s.traffic()
	s.ordered(100)
	before := s.inspectOne(s.database)

	// Without a word of tandem.yaml, and then without one of the host, nothing is touched.
	put(t, s.path("tandem.yaml"), "app: "+s.App, "app: "+s.App+"\nadopt: "+old)
	s.start()
	commit := s.bump("1.0.0")
	s.until("refused without the host's consent", func(st deploy.Status) error {
		if st.Desired.Commit != commit || st.Phase != deploy.PhaseRefused || !strings.Contains(st.Message, "adopt:"+old) {
			return fmt.Errorf("%s: %s", st.Phase, st.Message)
		}
		return nil
	})
	s.stop()
	s.configure(func(c *config.Config) { c.Policy.Allow = append(c.Policy.Allow, "adopt:"+old) })
	s.start()
	s.until("the stack is proved while the old one serves", func(st deploy.Status) error {
		if st.Reason != deploy.NotIncluded || !strings.Contains(st.Message, "in the place of the site's own") {
			return fmt.Errorf("%s: %s", st.Reason, st.Message)
		}
		return nil
	})
	failedBefore := traffic.Report().Failed
	if failedBefore > 0 {
		t.Errorf("%d requests failed before anything of Nginx was changed", failedBefore)
	}
	s.serveSite()
	s.live(commit, "1.0.0", deploy.Green)
	atTheReload := traffic.Report().Failed
	s.live(s.bump("2.0.0"), "2.0.0", deploy.Blue)
	s.ordered(s.orders.count() + 50)
	if failed := traffic.Stop().Failed; failed > atTheReload {
		t.Errorf("%d requests failed after the one reload, which cost %d", failed-atTheReload, atTheReload)
	}
	after := s.inspectOne(s.database)
	if after.ID != before.ID || after.State.StartedAt != before.State.StartedAt {
		t.Errorf("PostgreSQL is %s since %s, and was %s since %s", after.ID, after.State.StartedAt, before.ID, before.State.StartedAt)
	}
	// The answer to an order may have been lost at the reload, and no order.
	if rows, err := strconv.Atoi(strings.Join(s.query("select count(*) from orders"), "")); err != nil || rows < s.orders.count() {
		t.Errorf("%d orders were answered, and %d are in the table (%v)", s.orders.count(), rows, err)
	}
	for _, name := range []string{"api", "web", "processor"} {
		if c := s.inspectOne(old + "-" + name + "-1"); !c.State.Running {
			t.Errorf("%s of the old project was touched: %s", name, c.State.Status)
		}
	}
}

// initFinds makes sure that `tandem init` sees what this host has of the shop already.
func (s *shopExample) initFinds(words ...string) {
	s.t.Helper()
	var out bytes.Buffer
	host := scaffold.NewHost(s.t.TempDir(), filepath.Join(s.t.TempDir(), "agent.yaml"))
	host.Docker, host.Nginx = config.Default().Docker.Host, s.Nginx.Command()
	check(s.t, scaffold.Run(s.t.Context(), scaffold.Options{Dir: s.path(), DryRun: true, Out: &out, Host: host}))
	for _, w := range words {
		if !strings.Contains(out.String(), w) {
			s.t.Errorf("tandem init does not say %q:\n%s", w, &out)
		}
	}
}
