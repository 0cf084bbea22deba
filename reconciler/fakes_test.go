package reconciler

import (
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sync/semaphore"

	"tandem/reconciler/appfile"
	"tandem/reconciler/deploy"
)

// stage is a whole world in memory that all ports of a Runner share: what git
// says, what Docker and Nginx have, and the memory file. It watches over the
// promises: whatever breaks one is an offence.
//
// Every call of a port is named and counted, and can be disturbed.
type stage struct {
	t     testing.TB
	trees string

	mu         sync.Mutex
	files      map[string]string // tree -> tandem.yaml
	live       deploy.Color
	stacks     map[deploy.Color]*actor
	conns      map[deploy.Color]int
	repaired   []string    // what the next Prepare finds changed
	unreached  error       // why Nginx does not get through to the stack
	sharedHas  string      // what the shared service is made of
	sharedWant string      // what the files say of it; empty: there is none
	outdated   error       // what every Prepare says of the site
	routing    deploy.App  // as the last Prepare got it
	rival      error       // what of the site does not let Nginx have the files
	prepared   *deploy.App // what of it the generated files depend on; nil: there are none
	serial     int         // of containers
	networks   int         // of stopped stacks, which can be given back
	saved      deploy.Memory
	saves      []deploy.Memory // all that were ever saved
	offences   []string
	events     []deploy.Event

	calls   []string
	disturb func(n int, name string) trouble // nil: nothing goes wrong
	onCall  func(name string)                // called before the effect, without the lock
	fates   map[string]bearing               // by tag

	open       deploy.Connections // to whatever stack has no traffic
	engineLost int                // how often
	backupOn   bool
	migrations map[string]*run   // by kind and release
	ran        []string          // every migration that was begun
	images     map[string]string // what is on this host: id -> ref
	reverts    []string          // good commits that git was put back to
	protected  bool              // the branch accepts no revert
	ledger     ledger
	clock      deploy.Clock
	chosen     deploy.PortTable                // ports of routes whose file names none
	strangers  map[int]deploy.Holder           // what else is on this host
	oneShots   int                             // how often one was run
	portless   map[string]bool                 // containers that run without their published port
	given      map[deploy.Color]map[string]int // the ports that nginx has, by route
	shared     error                           // what the shared stack comes to when it is waited for
	waited     []string                        // the tags that waited for it
	site       error                           // what a person has to write; nil: the site passes requests to the app
	unread     error                           // what Prepare says while Nginx does not read the app's files
}

// actor is one color's stack.
type actor struct {
	release       deploy.Release
	app           deploy.App // that brought it up last
	made          deploy.App // that its containers were made for, which say so
	containers    []deploy.Container
	foreign       bool
	row           int // healthy answers in a row since its containers are these
	singletonsRun bool
	hookless      map[string]bool // containers whose hooks have not come to a good end, by id
}

// bearing is how the release of a tag behaves; the zero value is good.
type bearing struct {
	faults   deploy.Faults // of its Compose file
	up       error         // what Up answers
	image    string        // what its registry does not have: "stack", "expand" or "contract"
	hook     error         // how the hooks of its containers end, which run once these are started
	sick     bool          // its health answers 500
	slow     bool          // its health answers late
	sickLive bool          // its health answers 500 while it has traffic
	exits    bool          // its container ends
	oneShot  bool          // it has a one-shot, which ends well
	expand   int           // with what code its expand migration ends
	contract int           // with what code its contract migration ends
}

// trouble is what happens to one call.
type trouble string

const (
	none         trouble = ""
	failBefore   trouble = "fails before its effect"
	failAfter    trouble = "fails after its effect"
	hangs        trouble = "hangs until its context ends"
	crashBefore  trouble = "the process is killed before its effect"
	crashAfter   trouble = "the process is killed after its effect"
	dockerAway   trouble = "nobody listens on Docker's socket"
	nginxAway    trouble = "nobody listens where Nginx should"
	probeTime            = time.Millisecond
	defaultRoute         = "  api: {ports: {blue: 3001, green: 3002}, health: /health}\n"
)

var errInjected = errors.New("out of order")

func newStage(t testing.TB) *stage {
	return &stage{
		t: t, trees: t.TempDir(), live: deploy.Blue,
		files: map[string]string{}, stacks: map[deploy.Color]*actor{}, conns: map[deploy.Color]int{}, fates: map[string]bearing{},
		migrations: map[string]*run{}, images: map[string]string{}, strangers: map[int]deploy.Holder{}, portless: map[string]bool{}, clock: deploy.Clock{Boot: "first", Started: time.Now()},
	}
}

// process is one run of the agent on a stage. Once it is killed nothing that it
// still tries has an effect.
type process struct {
	*stage
	*Runner
	ctx    context.Context
	kill   context.CancelFunc
	killed bool // guarded by stage.mu
}

// start makes a Runner from what was saved last.
func (w *stage) start() *process {
	p := &process{stage: w}
	p.ctx, p.kill = context.WithCancel(w.t.Context())
	w.t.Cleanup(p.kill)
	p.Runner = NewRunner(Options{
		Name: "shop", Host: "here", Trees: w.trees,
		Source: fakeSource{p}, Resolver: fakeResolver{p}, Ports: fakePorts{p}, Stacks: fakeStacks{p}, Examiner: fakeExaminer{p},
		DirectProber: fakeDirectProber{p}, Holders: fakeHolders{p}, Router: fakeRouter{p}, ProxyProber: fakeProxyProber{p}, AccessLog: fakeAccessLog{p}, StatsReader: fakeStatsReader{p}, Backup: fakeBackup{p}, Singletons: fakeSingletons{p},
		Migrator: fakeMigrator{p}, Shared: fakeShared{p}, Pruner: fakeJanitor{p}, Reverter: fakeReverter{p}, InUse: func(deploy.Image) bool { return false }, Slots: semaphore.NewWeighted(8),
		Memory: w.saved.Clone(), Save: p.save, Now: time.Now, Clock: func() deploy.Clock { return w.clock },
		Emit: func(e deploy.Event) {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.events = append(w.events, e)
		},
	})
	return p
}

// call is one call of a port: effect is run with the lock held.
func (p *process) call(ctx context.Context, name string, effect func() error) error {
	w := p.stage
	w.mu.Lock()
	if p.killed {
		w.mu.Unlock()
		return context.Canceled
	}
	what := none
	if w.disturb != nil {
		what = w.disturb(len(w.calls), name)
	}
	w.calls = append(w.calls, name)
	hook := w.onCall
	w.mu.Unlock()
	if hook != nil {
		hook(name)
	}
	if what == hangs {
		<-ctx.Done()
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case p.killed:
		return context.Canceled
	}
	switch what {
	case failBefore:
		return errInjected
	case dockerAway:
		return &deploy.TemporaryError{Reason: deploy.DockerAway, Err: errInjected}
	case nginxAway:
		return &deploy.RouterError{Reason: deploy.NginxAway, Detail: "nothing answers"}
	case crashBefore:
		p.killed = true
		p.kill()
		return context.Canceled
	}
	err := effect()
	switch what {
	case failAfter:
		return errInjected
	case crashAfter:
		p.killed = true
		p.kill()
		return context.Canceled
	}
	return err
}

func (p *process) save(m deploy.Memory) error {
	return p.call(context.Background(), "save", func() error {
		p.saved, p.saves = m, append(p.saves, m)
		return nil
	})
}

func (w *stage) offend(format string, args ...any) {
	w.offences = append(w.offences, fmt.Sprintf(format, args...))
}

// push is what a commit says: the tree is the text.
func (w *stage) push(commit, text string) Desired {
	w.mu.Lock()
	defer w.mu.Unlock()
	tree := fmt.Sprintf("%x", sha256.Sum256([]byte(text)))
	w.files[commit] = text
	file := deploy.AppFile{Dir: "shop", Path: "shop/tandem.yaml", Tree: tree, Commit: deploy.Commit{Hash: commit}, Data: []byte(text)}
	app, err := appfile.ParseApp(file)
	return Desired{File: file, App: app, Err: err}
}

// yamlOf is a tandem.yaml with short times.
func yamlOf(tag string, color deploy.Color, more ...string) string {
	text := fmt.Sprintf("app: shop\ntag: %q\ncolor: %s\ngate: {timeout: 20s}\nwatch: {for: 3s}\ndrain: {timeout: 2s}\n", tag, color)
	for _, m := range more {
		text += m + "\n"
	}
	if !slices.ContainsFunc(more, func(m string) bool { return strings.HasPrefix(m, "routes:") }) {
		text += "routes:\n" + defaultRoute
	}
	return text
}

// fakeSource exports the files of a commit to the real disk, where the Runner
// reads them.
type fakeSource struct{ p *process }

func (f fakeSource) Export(ctx context.Context, commit, dir, dest string) error {
	return f.p.call(ctx, "source.export", func() error {
		text, known := f.p.files[commit]
		if !known || dir != "shop" {
			return fmt.Errorf("commit %q has no directory %q", commit, dir)
		}
		if _, err := os.Lstat(dest); err == nil {
			return nil
		}
		if err := os.MkdirAll(dest, 0o755); err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(dest, "tandem.yaml"), []byte(text), 0o644)
	})
}

type fakeResolver struct{ p *process }

// Resolve gives each tag one release, unless somebody changed the exported files.
func (f fakeResolver) Resolve(ctx context.Context, app deploy.App) (deploy.Release, error) {
	release := releaseOf(app.Tag)
	for _, r := range app.Routes {
		if r.PortsChosen {
			release.Hash += fmt.Sprintf("%05d%05d", r.Ports.Blue, r.Ports.Green)
		}
	}
	if spoiled(app) {
		release.Hash += "0"
	}
	return release, f.p.call(ctx, "resolver.resolve", func() error { return f.p.fates[app.Tag].faults.Err() })
}

func spoiled(app deploy.App) bool {
	_, err := os.Stat(filepath.Join(app.Root, "spoiled"))
	return err == nil
}

func releaseOf(tag string) deploy.Release { return deploy.Release{Tag: tag, Hash: "0000000" + tag} }

type fakeStacks struct{ p *process }

func (f fakeStacks) Observe(ctx context.Context, _ deploy.App) (pair [2]deploy.Stack, err error) {
	err = f.p.call(ctx, "stacks.observe", func() error {
		for i, c := range deploy.Colors() {
			pair[i] = f.p.stackOf(c)
			if f.p.lacksOneShot(c) {
				pair[i].Missing, pair[i].MissingOneShots = []string{"migrate"}, []string{"migrate"}
				if pair[i].Condition == deploy.Running {
					pair[i].Condition = deploy.Broken
				}
			}
			pair[i].EngineLost = f.p.engineLost
		}
		return nil
	})
	return pair, err
}

// lacksOneShot tells whether the color's stack has a one-shot, and no container of it.
func (w *stage) lacksOneShot(c deploy.Color) bool {
	a := w.stacks[c]
	return a != nil && len(a.containers) > 0 && w.fates[a.release.Tag].oneShot &&
		!slices.ContainsFunc(a.containers, func(x deploy.Container) bool { return x.OneShot })
}

func (w *stage) stackOf(c deploy.Color) deploy.Stack {
	a := w.stacks[c]
	if a == nil || len(a.containers) == 0 {
		return deploy.Stack{Color: c}
	}
	s := deploy.Stack{
		Color: c, Release: a.release, Tag: a.release.Tag, Commit: a.made.Commit.Hash, Root: a.made.Root,
		Condition: deploy.Running, Foreign: a.foreign, Containers: slices.Clone(a.containers),
	}
	for _, r := range a.made.Routes {
		if r.PortsChosen {
			s.Ports = map[string]deploy.Ports{r.Name: r.Ports} // of one is enough here
		}
	}
	down := 0
	for _, x := range a.containers {
		if !x.Up() {
			down, s.Condition = down+1, deploy.Broken
		}
	}
	if down == len(a.containers) {
		s.Condition = deploy.Stopped
	}
	switch {
	case len(a.app.Singletons) == 0:
	case a.singletonsRun && s.Condition != deploy.Stopped:
		s.Singletons = deploy.SingletonsRunning
	default:
		s.Singletons = deploy.SingletonsStopped
	}
	return s
}

// Up starts containers, and then runs the hooks of those that it started. Like Compose it
// runs none of a container that ran before; how says which of these were seen to the end.
func (f fakeStacks) Up(ctx context.Context, app deploy.App, c deploy.Color, how *deploy.Start) error {
	if how == nil {
		how = &deploy.Start{}
	}
	if err := f.p.awaitShared(app, how); err != nil {
		return err
	}
	err := f.p.call(ctx, "stacks.up", func() error {
		w, before := f.p.stage, f.p.stackOf(c)
		if spoiled(app) {
			return &deploy.FilesChangedError{Release: app.Release, Root: app.Root}
		}
		w.backups(c, "brought up")
		if m := app.Migrations.Expand; m != "" && before.Release != app.Release && !w.expanded(app.Release) {
			w.offend("%s was brought up before its expand migration", app.Release)
		}
		if err := w.fates[app.Tag].up; err != nil {
			return err
		}
		if err := w.missing(app, "stack"); err != nil {
			return err
		}
		a := w.stacks[c]
		if a == nil || a.release != app.Release {
			if w.live == c && before.Condition != deploy.Absent && before.Condition != deploy.Stopped && w.reached() {
				w.offend("the live stack %s of %s was replaced by %s", c, before.Release, app.Release)
			}
			a = &actor{release: app.Release}
			w.stacks[c] = a
		}
		if w.live == c && !w.saved.Live.Is(c, app.Release) && w.reached() {
			w.offend("%s was filled with %s while nginx sent traffic there", c, app.Release)
		}
		a.app = app
		for i, x := range a.containers {
			if x.Up() && a.release == before.Release && !x.OneShot && !slices.Contains(how.Was.Containers, x.ID) {
				a.containers[i].State = "exited"
			}
		}
		if !slices.ContainsFunc(a.containers, deploy.Container.Up) {
			a.made = app // all of them are made anew
		}
		w.runServices(a, c)
		if w.lacksOneShot(c) && !how.Was.Gated {
			w.oneShots++
			a.containers = append(a.containers, deploy.Container{ID: "once" + strconv.Itoa(w.oneShots), Name: "shop-" + string(c) + "-migrate-1",
				Service: "migrate", State: "exited", OneShot: true, MayEnd: true, StartedAt: time.Now()})
		}
		return nil
	})
	if err != nil {
		return err
	}
	return f.p.call(ctx, "stacks.hooks", func() error {
		w := f.p.stage
		if err := w.fates[app.Tag].hook; err != nil {
			return err
		}
		w.stacks[c].hookless = nil
		return nil
	})
}

// awaitShared waits for the shared stack as far as it has to be waited for.
func (p *process) awaitShared(app deploy.App, how *deploy.Start) error {
	if how.Await == nil {
		return nil
	}
	var err error
	p.change(func() { p.waited, err = append(p.waited, app.Tag), p.shared })
	if err != nil { // else it was ready, and nobody is told
		how.Await("waits for the shared stack: db")
	}
	return err
}

// missing is what a registry says that does not have the image.
func (w *stage) missing(app deploy.App, image string) error {
	if m := w.fates[app.Tag].image; m == "" || m != image {
		return nil
	}
	return &deploy.RejectError{Reason: deploy.ImageNotFound, Detail: "image " + image + ":" + app.Tag + " does not exist"}
}

func (f fakeStacks) LookForImages(ctx context.Context, app deploy.App) error {
	return f.p.call(ctx, "stacks.look", func() error { return f.p.missing(app, f.p.fates[app.Tag].image) })
}

// runServices starts what does not run.
func (w *stage) runServices(a *actor, c deploy.Color) {
	for _, r := range a.app.Routes {
		i := slices.IndexFunc(a.containers, func(x deploy.Container) bool { return x.Service == r.Service })
		if i >= 0 && a.containers[i].Up() {
			continue
		}
		w.serial++
		a.row = 0
		x := deploy.Container{
			ID: "id" + strconv.Itoa(w.serial), Name: "shop-" + string(c) + "-" + r.Service + "-1", Service: r.Service,
			Image: "sha256:" + a.release.Hash, State: "running", StartedAt: time.Now(),
		}
		if w.fates[a.release.Tag].exits {
			x.State, x.ExitCode = "exited", 3
		}
		if a.hookless == nil {
			a.hookless = map[string]bool{}
		}
		a.hookless[x.ID] = true
		if i >= 0 {
			a.containers[i] = x
		} else {
			a.containers = append(a.containers, x)
		}
	}
}

func (f fakeStacks) Stop(ctx context.Context, _ deploy.App, c deploy.Color) error {
	return f.p.call(ctx, "stacks.stop", func() error {
		w := f.p.stage
		if w.live == c && w.reached() {
			w.offend("the live stack %s was stopped", c)
		}
		w.backups(c, "stopped")
		w.lie(c, "exited")
		return nil
	})
}

// lie ends all containers of a color.
func (w *stage) lie(c deploy.Color, state string) {
	if a := w.stacks[c]; a != nil {
		a.row, a.singletonsRun = 0, false
		for i := range a.containers {
			a.containers[i].State = state
		}
	}
}

type fakeExaminer struct{ p *process }

func (f fakeExaminer) Health(ctx context.Context, _ deploy.Container) error {
	return f.p.call(ctx, "examiner.health", func() error { return nil })
}

func (f fakeExaminer) Logs(ctx context.Context, c deploy.Container, _ int) (logs string, err error) {
	err = f.p.call(ctx, "examiner.logs", func() error {
		logs = "last words of " + c.Name
		return nil
	})
	return logs, err
}

type fakeDirectProber struct{ p *process }

// Probe answers if, and only if, something listens on the port that is asked.
func (f fakeDirectProber) Probe(ctx context.Context, r deploy.Route, c deploy.Color) (answer deploy.Probe) {
	ctx, cancel := context.WithTimeout(ctx, r.Health.MaxLatency) // it never takes longer
	defer cancel()
	wait(ctx, probeTime)
	answer.Took = probeTime
	answer.Err = f.p.call(ctx, "prober.probe", func() error {
		w := f.p.stage
		a := w.stacks[c]
		if w.stackOf(c).Condition != deploy.Running || !listens(a.app, r, c) {
			return errors.New("connection refused")
		}
		b := w.fates[a.release.Tag]
		answer.Status = 200
		switch {
		case b.sick, b.sickLive && w.live == c:
			answer.Status = 500
		case b.slow:
			answer.Took = r.Health.MaxLatency - lateTime/2
		}
		if answer.Status == 200 {
			a.row++
		} else {
			a.row = 0
		}
		return nil
	})
	if answer.Err != nil {
		answer.Status = 0
	}
	return answer
}

func listens(app deploy.App, r deploy.Route, c deploy.Color) bool {
	return slices.ContainsFunc(app.Routes, func(x deploy.Route) bool {
		return x.Ports.Of(c) == r.Ports.Of(c)
	})
}

type fakeRouter struct{ p *process }

func (f fakeRouter) Reserve(ctx context.Context, app deploy.App) error {
	return f.p.call(ctx, "router.reserve", func() error { f.p.stage.routing = app; return nil })
}

func (f fakeRouter) Check(ctx context.Context, app deploy.App) (state deploy.RenderState, err error) {
	err = f.p.call(ctx, "router.check", func() error {
		w := f.p.stage
		state.Due = w.prepared == nil || len(w.repaired) > 0 || !reflect.DeepEqual(*w.prepared, filesOf(app))
		if state.Due {
			return nil
		}
		w.leads()
		return cmp.Or(w.unread, w.outdated)
	})
	return state, err
}

// filesOf is what of an app the generated files depend on.
func filesOf(app deploy.App) deploy.App {
	return deploy.App{Routes: app.Routes, FormerRoutes: app.FormerRoutes}
}

func (f fakeRouter) LoadSite(ctx context.Context, _ deploy.App) error {
	return f.p.call(ctx, "router.loadsite", func() error { return nil })
}

func (f fakeRouter) Prepare(ctx context.Context, app deploy.App) (repaired []string, err error) {
	err = f.p.call(ctx, "router.prepare", func() error {
		w := f.p.stage
		repaired, w.repaired = w.repaired, nil
		if w.rival != nil {
			return w.rival // what was written is taken back
		}
		files := filesOf(app)
		w.routing, w.prepared = app, &files
		w.give(app)
		w.leads()
		return cmp.Or(w.unread, w.outdated)
	})
	return repaired, err
}

// leads checks that the live color's upstreams lead to where its stack listens.
func (w *stage) leads() {
	if w.stackOf(w.live).Condition != deploy.Running {
		return
	}
	for _, r := range w.routing.Routes {
		isNew := !slices.ContainsFunc(w.stacks[w.live].app.Routes, func(o deploy.Route) bool { return o.Name == r.Name })
		if r.PortsChosen && isNew {
			continue // nobody can use it before the flip
		}
		if !listens(w.stacks[w.live].app, r, w.live) {
			w.offend("route %s of %s leads to port %d, where nobody listens", r.Name, w.live, r.Ports.Of(w.live))
		}
	}
}

func (f fakeRouter) Live(ctx context.Context, _ deploy.App) (c deploy.Color, err error) {
	err = f.p.call(ctx, "router.live", func() error {
		c = f.p.stage.live
		return f.p.unread
	})
	return c, err
}

func (f fakeRouter) Reach(ctx context.Context, _ deploy.App, _ deploy.Color) error {
	return f.p.call(ctx, "router.reach", func() error { return f.p.stage.unreached })
}

// reached tells whether requests of people can come to the app.
func (w *stage) reached() bool {
	return w.site == nil && w.unread == nil || !w.saved.Live.Release.IsZero()
}

// Site says what the site lacks.
func (f fakeRouter) Site(ctx context.Context, _ deploy.App) (reload bool, err error) {
	return false, f.p.call(ctx, "router.site", func() error { return f.p.stage.site })
}

func (f fakeRouter) Flip(ctx context.Context, app deploy.App, c deploy.Color) error {
	return f.p.call(ctx, "router.flip", func() error {
		w := f.p.stage
		to := w.stackOf(c)
		switch parked := to.Condition != deploy.Running && to.Condition != deploy.Broken; {
		case w.live == c:
		case parked && w.stackOf(w.live).Condition == deploy.Running:
			w.offend("traffic was taken from %s, which runs, to %s, where nothing does", w.live, c)
		case !parked && (to.Condition != deploy.Running || w.stacks[c].row < 3):
			w.offend("traffic was sent to %s, which is %s and has %d healthy answers", c, to.Condition, w.stacks[c].row)
		}
		if to.Condition == deploy.Running && slices.ContainsFunc(w.stacks[c].containers, func(x deploy.Container) bool { return w.stacks[c].hookless[x.ID] }) {
			w.offend("traffic was sent to %s, whose hooks did not end well", c)
		}
		if w.backupOn && w.live != c {
			w.offend("traffic was moved to %s while it was a backup", c)
		}
		w.live, w.routing = c, app
		if to.Condition == deploy.Running && w.rival == nil {
			w.leads()
			w.serves(app)
		}
		return nil
	})
}

func (f fakeRouter) Confirm(ctx context.Context, _ deploy.App, c deploy.Color) error {
	return f.p.call(ctx, "router.confirm", func() error {
		if f.p.stage.live != c {
			return fmt.Errorf("nginx sends traffic to %s", f.p.stage.live)
		}
		return nil
	})
}

func (f fakeRouter) Connections(ctx context.Context, _ deploy.App, c deploy.Color) (open deploy.Connections, err error) {
	err = f.p.call(ctx, "router.connections", func() error {
		if c != f.p.stage.live {
			open = f.p.stage.open
		}
		open.Requests += f.p.conns[c]
		return nil
	})
	return open, err
}

// count tells how often a port was called so far.
func (w *stage) count(name string) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	n := 0
	for _, c := range w.calls {
		if c == name {
			n++
		}
	}
	return n
}

// change lets something happen to the world that no port did.
func (w *stage) change(f func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	f()
}

// honest ends the test if a promise was broken.
func (w *stage) honest() {
	w.t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.offences) > 0 {
		w.t.Fatalf("promises broken:\n%s\ncalls: %s", strings.Join(w.offences, "\n"), w.log())
	}
}

// log is the calls so far, with repeated ones counted.
func (w *stage) log() string {
	var b strings.Builder
	for i := 0; i < len(w.calls); {
		n := 1
		for i+n < len(w.calls) && w.calls[i+n] == w.calls[i] {
			n++
		}
		fmt.Fprintf(&b, "%s*%d ", w.calls[i], n)
		i += n
	}
	return b.String()
}

// told returns the events of one kind.
func (w *stage) told(kind deploy.EventKind) []deploy.Event {
	w.mu.Lock()
	defer w.mu.Unlock()
	var found []deploy.Event
	for _, e := range w.events {
		if e.Kind == kind {
			found = append(found, e)
		}
	}
	return found
}
