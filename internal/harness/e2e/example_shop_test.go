package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/docker/docker/api/types/container"

	"tandem/internal/harness/load"
	"tandem/internal/harness/stage"
	"tandem/internal/harness/testbed"
	"tandem/internal/harness/testbed/tb"
	"tandem/internal/lib/containerexec"
	"tandem/nginx"
	"tandem/reconciler/deploy"
)

var grownShop = recipe{dir: "shop", image: "registry.example.com/shop", version: "app/package.json", app: "/app/package.json"}

// shopExample is the shop with PostgreSQL and Redis, behind its own site.
type shopExample struct {
	*example
	port     int // of the site
	orders   *orders
	database string // the container of PostgreSQL
}

// newShop makes three releases, of which none is live yet. prepare is newExample's.
func newShop(t *testing.T, prepare func(e *testbed.Engine, app string)) *shopExample {
	t.Helper()
	s := &shopExample{example: newExample(t, grownShop, stage.Options{}, prepare), port: tb.Ports(t, 1)[0], orders: &orders{taken: map[string]string{}}}
	s.database = s.App + "-shared-postgres-1"
	s.derive("shop/services", testbed.Derived{Ref: s.repository() + "-services:1"})
	for _, tag := range []string{"1.0.0", "2.0.0", "3.0.0"} {
		s.release(tag)
	}
	put(t, s.path("compose.yaml"), s.image+":", s.repository()+":", s.image+"-services", s.repository()+"-services")
	put(t, s.path("tandem.yaml"), "app: shop", "app: "+s.App,
		"blue: 3001", fmt.Sprintf("blue: %d", s.Ports.APIBlue), "green: 3002", fmt.Sprintf("green: %d", s.Ports.APIGreen),
		"blue: 3101", fmt.Sprintf("blue: %d", s.Ports.WebBlue), "green: 3102", fmt.Sprintf("green: %d", s.Ports.WebGreen),
		"max_latency: 200ms", "max_latency: 5s", "routes:", "gate: {timeout: "+gateLimit+"}\nroutes:",
		"watch: {for: 60s, max_error_rate: 1%, max_p95: 500ms, max_restarts: 0}", "watch: {for: 3s, max_p95: 1m, compare: limits}", "timeout: 30s", "timeout: 3s")
	put(t, s.path("nginx", "shop.conf"), "listen 80;", fmt.Sprintf("listen 127.0.0.1:%d;", s.port),
		"/etc/nginx/tandem/shop.server", filepath.Join(s.Config().Nginx.Dir, s.App+".server"),
		"/etc/nginx/tandem", s.Config().Nginx.Dir,
		"$shop_web", nginx.Variable(s.App, "web"), "$shop_api", nginx.Variable(s.App, "api"))
	return s
}

// serveSite adds the example's site as soon as Nginx can read it.
func (s *shopExample) serveSite() {
	s.t.Helper()
	s.generated(s.Config().Nginx.Dir)
	check(s.t, s.Nginx.Configure(testbed.NginxConfig{HTTP: fmt.Sprintf("    include %s;\n", s.path("nginx", "shop.conf"))}))
	check(s.t, s.Nginx.Reload(s.t.Context()))
}

// schema is what a commit says about SCHEMA and migrations.
func (s *shopExample) schema(from, to string) {
	s.t.Helper()
	put(s.t, s.path("tandem.yaml"), fmt.Sprintf("SCHEMA: %q", from), fmt.Sprintf("SCHEMA: %q", to))
}

// traffic reads and orders; every order is by somebody else.
func (s *shopExample) traffic() *load.Runner {
	s.t.Helper()
	r, err := load.Run(s.t.Context(), load.Options{
		URL: fmt.Sprintf("http://127.0.0.1:%d", s.port), Host: "shop.example.com", GetPath: "/api/", PostPath: "/api/orders",
		Connections: 8, PostEvery: 2, Rate: 60, NextBody: s.orders.next, Posted: s.orders.answered,
	})
	check(s.t, err)
	s.t.Cleanup(func() { r.Stop() })
	return r
}

// orders are those that were answered with 201: who ordered, by the id of the order.
type orders struct {
	made  atomic.Int64
	mu    sync.Mutex
	taken map[string]string
	wrong []string
}

func (o *orders) next() []byte {
	return fmt.Appendf(nil, `{"customer":"customer %d","article":"lamp"}`, o.made.Add(1))
}

func (o *orders) answered(sent, answer []byte) {
	var order struct{ Customer string }
	var row struct{ ID string }
	o.mu.Lock()
	defer o.mu.Unlock()
	if json.Unmarshal(sent, &order) != nil || json.Unmarshal(answer, &row) != nil || row.ID == "" || o.taken[row.ID] != "" {
		o.wrong = append(o.wrong, fmt.Sprintf("%s was answered by %s", sent, answer))
		return
	}
	o.taken[row.ID] = order.Customer
}

func (o *orders) count() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return len(o.taken)
}

// ordered waits until so many orders were answered in all.
func (s *shopExample) ordered(n int) {
	s.t.Helper()
	tb.Until(s.t, patience, "orders", func() error {
		if got := s.orders.count(); got < n {
			return fmt.Errorf("%d orders", got)
		}
		return nil
	})
}

// query asks the database, and returns the rows; the columns are parted by "|".
func (s *shopExample) query(sql string) []string {
	s.t.Helper()
	out, err := s.exec(s.t.Context(), s.database, "psql", "-h", "/tmp", "-U", "shop", "-At", "-v", "ON_ERROR_STOP=1", "-c", sql)
	check(s.t, err)
	return strings.Fields(strings.ReplaceAll(out, " ", "_"))
}

// exec runs a command in a container to its end.
func (s *shopExample) exec(ctx context.Context, name string, cmd ...string) (string, error) {
	var out, errs bytes.Buffer
	code, err := containerexec.Run(ctx, s.Engine.Client, name, container.ExecOptions{Cmd: cmd}, &out, &errs)
	if err == nil && code != 0 {
		err = fmt.Errorf("%v exited with %d: %s", cmd, code, errs.String())
	}
	return out.String(), err
}

// columns are those of the table of orders that have to do with the customer.
func (s *shopExample) columns() string {
	s.t.Helper()
	return strings.Join(s.query("select column_name from information_schema.columns where table_name = 'orders' and column_name like 'customer%' order by 1"), " ")
}

// complete fails the test unless the table has exactly the orders that were answered.
func (s *shopExample) complete() {
	s.t.Helper()
	s.orders.mu.Lock()
	defer s.orders.mu.Unlock()
	got := map[string]string{}
	for _, row := range s.query("select id, customer_name from orders") {
		id, name, _ := strings.Cut(row, "|")
		got[id] = strings.ReplaceAll(name, "_", " ")
	}
	s.t.Logf("%d orders were answered, %d are in the table", len(s.orders.taken), len(got))
	if len(s.orders.wrong) > 0 {
		s.t.Errorf("%d odd answers, such as %s", len(s.orders.wrong), s.orders.wrong[0])
	}
	if maps.Equal(s.orders.taken, got) && len(got) > 0 {
		return
	}
	for id, name := range s.orders.taken {
		if got[id] != name {
			s.t.Errorf("order %s of %q: the table has %q", id, name, got[id])
		}
	}
	s.t.Errorf("%d rows, want %d", len(got), len(s.orders.taken))
}

func TestShop_RenamesAColumnInThreeCommitsUnderLoadAndLosesNothing(t *testing.T) {
	t.Parallel()
	s := newShop(t, nil)
	s.start()
	one := s.bump("1.0.0")
	s.serveSite()
	s.live(one, "1.0.0", deploy.Green)
	if got := s.columns(); got != "customer" {
		t.Fatalf("columns of release 1: %s", got)
	}
	traffic := s.traffic()
	s.ordered(500) // so that there is something to bring over to the new column

	s.schema("1", "2")
	s.live(s.bump("2.0.0"), "2.0.0", deploy.Blue)
	s.ticked(1)
	if got := s.columns(); got != "customer customer_name" {
		t.Errorf("columns of release 2: %s", got)
	}
	// Nothing is lost on the way back either, for both columns are kept in step.
	s.live(s.revert(), "1.0.0", deploy.Green)
	s.ticked(2)
	s.live(s.revert(), "2.0.0", deploy.Blue)
	s.ticked(3)

	s.failingExpand()
	s.schema("2", "3")
	put(t, s.path("tandem.yaml"), "{expand: migrate-expand}", "{expand: migrate-expand, contract: migrate-contract}")
	three := s.bump("3.0.0")
	s.until("release 3 live, with its contract done", func(st deploy.Status) error {
		if err := isLive(st, three, "3.0.0", deploy.Green); err != nil {
			return err
		}
		if st.Barrier == nil || st.Barrier.Tag != "3.0.0" {
			return fmt.Errorf("barrier %+v", st.Barrier)
		}
		return nil
	})
	if got := s.columns(); got != "customer_name" {
		t.Errorf("columns of release 3: %s", got)
	}

	refused := s.until("the revert past the contract to be refused", s.refused(s.revert()))
	for _, want := range []string{"2.0.0", "contract"} {
		if !strings.Contains(refused.Message, want) {
			t.Errorf("the message does not tell of %q: %s", want, refused.Message)
		}
	}
	s.ordered(s.orders.count() + 100)
	report := s.unharmed(traffic)
	if report.Tag("1.0.0") == 0 || report.Tag("2.0.0") == 0 || report.Tag("3.0.0") == 0 || report.Tag("2.1.0") > 0 {
		t.Errorf("answers %v: want some of each release, and none of the one whose expand failed", report.Answers)
	}
	s.complete()
	s.ticked(4)
}

// failingExpand pushes a release whose expand fails, and that would be healthy
// without it.
func (s *shopExample) failingExpand() {
	s.t.Helper()
	s.release("2.1.0")
	put(s.t, s.path("compose.yaml"), "[node, migrate.js, expand]", `[node, -e, "console.log('no such table'); process.exit(1)"]`)
	held := s.phase(s.bump("2.1.0"), deploy.PhaseHeld)
	if !strings.Contains(held.Message, "no such table") {
		s.t.Errorf("the message lacks the migration's own words: %s", held.Message)
	}
	if held.Live == nil || held.Live.Tag != "2.0.0" {
		s.t.Errorf("live is %+v, want 2.0.0", held.Live)
	}
	failed := func(e deploy.Entry) bool { return e.Tag == "2.1.0" && e.Reason == deploy.MigrationFailed }
	if !slices.ContainsFunc(held.History, failed) {
		s.t.Errorf("history %+v: want MigrationFailed", held.History)
	}
	s.live(s.revert(), "2.0.0", deploy.Blue)
}

// refused tells whether the status turns the commit down for what a contract took
// away, while release 3 stays live.
func (s *shopExample) refused(commit string) func(deploy.Status) error {
	return func(st deploy.Status) error {
		switch {
		case st.Desired.Commit != commit:
			return fmt.Errorf("the status is about commit %s", st.Desired.Commit)
		case st.Phase != deploy.PhaseRefused && st.Phase != deploy.PhaseHeld:
			return fmt.Errorf("phase %s", st.Phase)
		case st.Live == nil || st.Live.Tag != "3.0.0":
			return fmt.Errorf("live is %+v", st.Live)
		}
		return nil
	}
}

// ticked waits until the scheduler of the live color has made a job and that has been
// processed, and fails the test when two schedulers were ever at work at once. It is
// called after each flip: a color that loses its traffic before its first tick leaves
// no trace.
func (s *shopExample) ticked(flips int) {
	s.t.Helper()
	turns := ""
	tb.Until(s.t, patience, "a tick", func() error {
		// Sorted by time, the ticks of one scheduler are one piece until the next flip.
		got := s.query(`select count(*) from (select split_part(id, ' ', 3) as host, lag(split_part(id, ' ', 3))
			over (order by (payload->>'at')::bigint) as before from jobs where kind = 'tick') t
			where host <> before`)
		if len(got) != 1 {
			return fmt.Errorf("turns: %v", got)
		}
		turns = got[0]
		if n, err := strconv.Atoi(turns); err != nil || n < flips {
			return fmt.Errorf("the ticks changed hands %s times in %d flips", turns, flips)
		}
		return nil
	})
	if turns != fmt.Sprint(flips) {
		s.t.Errorf("the ticks changed hands %s times in %d flips: two schedulers were at work at once", turns, flips)
	}
}
