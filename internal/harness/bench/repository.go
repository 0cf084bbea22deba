package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"tandem/internal/harness/testbed"
)

// measureRepository takes what a large repository costs: the first fetch, and a bump.
func (b *bench) measureRepository(ctx context.Context) (_ section, err error) {
	g, err := newGround(ctx, "repo")
	if err != nil {
		return section{}, err
	}
	defer func() { err = errors.Join(err, g.Close(context.WithoutCancel(ctx))) }()
	f, err := b.newFleet(ctx, g)
	if err != nil {
		return section{}, err
	}
	defer func() { err = errors.Join(err, f.Close(context.WithoutCancel(ctx))) }()
	b.say("  %d files, %d commits", b.files, b.commits)
	if err := f.git.fill(ctx, b.files, b.commits); err != nil {
		return section{}, err
	}

	theirs := &gitClone{server: f.git, dir: f.path("clone.git")}
	first, err := theirs.clone(ctx)
	if err != nil {
		return section{}, err
	}
	start, err := f.firstFetch(ctx)
	if err != nil {
		return section{}, err
	}
	var bumps, fetches transfers
	for i := range b.bumps {
		one, err := f.bump(ctx, i)
		if err != nil {
			return section{}, fmt.Errorf("bump %d: %w", i+1, err)
		}
		bumps.add(one)
		other, err := theirs.fetch(ctx)
		if err != nil {
			return section{}, err
		}
		fetches.add(other)
	}
	size, err := f.git.size(ctx)
	if err != nil {
		return section{}, err
	}
	return b.repositorySection(size, first, start, fetches, bumps), nil
}

func (b *bench) repositorySection(size float64, first, start transfer, fetches, bumps transfers) section {
	row := func(what string, t transfers) []string {
		return []string{what, t.took.text(seconds), t.traffic.text(megabytes), t.highest.text(megabytes)}
	}
	one := func(t transfer) (all transfers) { all.add(t); return all }
	return section{
		intro: fmt.Sprintf(`%d files, and %d commits that each change one of them: %s as the Git server keeps it,
packed. One app is in it. Git's own row is a bare clone without history and a fetch into it,
beside it in the same run. Time is until the agent says "new commit", from its start or from
the webhook; traffic is what the server counted until then, both ways; memory is VmHWM of the
whole agent, the highest since its start or since the bump, against that of the git program.
A bump changes the app's tandem.yaml, and no release.`, b.files, b.commits, megabytes(size)),
		header: []string{"what", "time", "traffic", "highest memory"},
		rows: [][]string{
			row("`git clone --bare --depth=1`", one(first)),
			row("tandem, the first fetch", one(start)),
			row(fmt.Sprintf("`git fetch --depth=1`, %d times", b.bumps), fetches),
			row(fmt.Sprintf("tandem, %s", counted(b.bumps, "bump")), bumps),
		},
		notes: []string{
			target("highest memory of the first fetch, as a share of the repository's size", start.highest/size, .5, plain),
			target("traffic of a bump, which changes a file of a few hundred bytes and the trees above it", bumps.traffic.median(), 64e3, kilo),
			"Some 38 MB of the agent's memory are there without any repository; the rest is the index of the pack, which go-git makes in memory.",
			"The first fetch has the files of the newest commit, and none of its history.",
			"A fetch adds a pack to the agent's copy; when there are 50 it makes a new copy, which is the largest of the bumps where there were that many.",
		},
	}
}

// transfer is what one fetch took, in seconds and bytes.
type transfer struct{ took, traffic, highest float64 }

type transfers struct{ took, traffic, highest series }

func (t *transfers) add(one transfer) {
	t.took, t.traffic, t.highest = append(t.took, one.took), append(t.traffic, one.traffic), append(t.highest, one.highest)
}

// firstFetch starts the agent on a repository that it has not seen.
func (f *fleet) firstFetch(ctx context.Context) (transfer, error) {
	if err := f.addApps(ctx, 1); err != nil {
		return transfer{}, err
	}
	traffic, began := f.git.traffic(), time.Now()
	if err := f.start(); err != nil {
		return transfer{}, err
	}
	t, err := f.noticed(ctx, 0, began, traffic)
	if err != nil {
		return t, err
	}
	return t, f.settled(ctx)
}

// bump changes the app's tandem.yaml, and waits until the agent has looked at it.
func (f *fleet) bump(ctx context.Context, i int) (transfer, error) {
	app := f.apps[0]
	files := map[string]string{app + "/tandem.yaml": f.desired(app, f.more[0].Numbers, fmt.Sprintf("bump %d", i+1))}
	mark := f.log.Size()
	if err := forgetHighest(f.agent.PID()); err != nil {
		return transfer{}, err
	}
	traffic := f.git.traffic()
	if err := f.git.commit(ctx, "Bump", files); err != nil {
		return transfer{}, err
	}
	began := time.Now()
	if err := f.wake(ctx); err != nil {
		return transfer{}, err
	}
	t, err := f.noticed(ctx, mark, began, traffic)
	if err != nil {
		return t, err
	}
	return t, f.settled(ctx)
}

// noticed waits for the agent's line "new commit" after the mark.
func (f *fleet) noticed(ctx context.Context, mark int64, began time.Time, traffic float64) (t transfer, err error) {
	ctx, cancel := context.WithTimeoutCause(ctx, settleTime, fmt.Errorf("nothing after %s", settleTime))
	defer cancel()
	err = testbed.Until(ctx, "the agent's line \"new commit\"", func() error {
		if f.agent.Ended() {
			cancel()
			return errors.New("the agent ended")
		}
		for _, l := range f.log.Since(mark) {
			if l.Is("new commit") {
				t.took = l.At.Sub(began).Seconds()
				return nil
			}
		}
		return errors.New("there is none")
	})
	if err != nil {
		return t, fmt.Errorf("%w; the end of its log:\n%s", err, f.log.Tail(10))
	}
	m, err := memoryOf(f.agent.PID())
	t.traffic, t.highest = f.git.traffic()-traffic, m.highest
	return t, err
}

// gitClone is a clone without history, by the git program.
type gitClone struct {
	server *gitServer
	dir    string
}

func (c *gitClone) clone(ctx context.Context) (transfer, error) {
	return c.run(ctx, "clone", "--quiet", "--bare", "--depth=1", "--single-branch", "--branch=main", c.server.url, c.dir)
}

func (c *gitClone) fetch(ctx context.Context) (transfer, error) {
	return c.run(ctx, "-C", c.dir, "fetch", "--quiet", "--depth=1", "origin", "main")
}

func (c *gitClone) run(ctx context.Context, args ...string) (transfer, error) {
	before, began := c.server.traffic(), time.Now()
	cmd := exec.CommandContext(ctx, "git", args...)
	cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_SYSTEM=/dev/null")
	if out, err := cmd.CombinedOutput(); err != nil {
		return transfer{}, fmt.Errorf("git %s: %w\n%s", strings.Join(args, " "), err, out)
	}
	usage, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage)
	if !ok {
		return transfer{}, errors.New("no usage of the git program is known")
	}
	// Linux tells it in kilobytes, of the largest of the process and its children: see getrusage(2).
	return transfer{time.Since(began).Seconds(), c.server.traffic() - before, float64(usage.Maxrss) * 1024}, nil
}

// size is what the packed repository takes on the server's disk, in bytes.
func (g *gitServer) size(ctx context.Context) (float64, error) {
	out, err := git(ctx, nil, "-C", g.dir, "count-objects", "-v")
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(out) {
		var kib float64
		if n, _ := fmt.Sscanf(line, "size-pack: %g", &kib); n == 1 {
			return kib * 1024, nil
		}
	}
	return 0, fmt.Errorf("git count-objects says %q", out)
}

// How the files of a large repository lie: so many in a directory, and so many
// directories in another.
const (
	filesInDir  = 100
	dirsInDir   = 100
	fileContent = 500 // random bytes, in hexadecimal
)

// fill makes a large history: so many files in the first commit, and commits that
// change one each.
func (g *gitServer) fill(ctx context.Context, files, commits int) error {
	r, w := io.Pipe()
	go func() {
		out := bufio.NewWriterSize(w, 1<<20)
		writeHistory(out, files, commits)
		w.CloseWithError(out.Flush())
	}()
	_, err := git(ctx, r, "-C", g.dir, "fast-import", "--quiet")
	return errors.Join(err, r.Close())
}

// writeHistory writes what git-fast-import(1) reads. The same size gives the same history.
func writeHistory(out *bufio.Writer, files, commits int) {
	chance := rand.NewChaCha8([32]byte{})
	content := make([]byte, fileContent)
	// An error of out stays, and comes with its Flush.
	write := func(format string, args ...any) { _, _ = fmt.Fprintf(out, format, args...) }
	file := func(i int) {
		_, _ = chance.Read(content) // cannot fail
		dir := i / filesInDir
		write("M 100644 inline data/%03d/%03d/%d.txt\ndata %d\n%x\n", dir/dirsInDir, dir%dirsInDir, i, 2*fileContent, content)
	}
	for c := range commits {
		write("commit refs/heads/main\ncommitter Ada <ada@example.com> %d +0000\ndata 7\nChange\n\n", 1_700_000_000+c)
		if c > 0 {
			file(c % files)
			continue
		}
		for i := range files {
			file(i)
		}
	}
}
