package source

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"os/user"
	"path"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"time"

	"github.com/go-git/go-git/v5/plumbing/transport"
)

const (
	// gitStops is how long git has to clean up when it is asked to stop.
	gitStops = 5 * time.Second
	// nobody is the group of an owner whom the host does not know.
	nobody = 65534
)

// receivePack starts the git program of this host on the repository, as the user whose
// it is. So locks, owners and modes are git's business, and what the repository has git
// run, its hooks and what its config names, can do what its owner could do anyhow.
func (d *gitDir) receivePack(ctx context.Context) (transport.ReceivePackSession, error) {
	program, err := exec.LookPath("git")
	if err != nil {
		return nil, errors.New("a repository on this host is pushed to by the git program, and there is none: install the package git, or reach the repository over ssh")
	}
	// What a link on the way leads to is looked at below, and must not be another thing then.
	place, err := filepath.EvalSymlinks(d.path)
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, program, "receive-pack", place)
	if cmd.SysProcAttr, cmd.Env, err = d.asOwner(place); err != nil {
		return nil, err
	}
	cmd.Dir = "/"
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM) } // its hooks, too
	cmd.WaitDelay = gitStops
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	s := &packSession{stdin: stdin, stdout: bufio.NewReader(stdout), receive: true}
	cmd.Stderr = &s.stderr
	s.wait = sync.OnceValue(cmd.Wait)
	// What a hook left behind may hold the other ends, and read or write nothing.
	stop := context.AfterFunc(ctx, func() { _ = errors.Join(stdin.Close(), stdout.Close()) })
	s.close = func() {
		stop()
		_ = stdin.Close() // it may have ended already
		// What a post-receive hook says comes after the report, and nobody wants it.
		go func() { _, _ = io.Copy(io.Discard, s.stdout) }()
		_ = s.wait() // what was to be known is in the report
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("run git as the repository's owner (what a service needs for that is in docs/install.md): %w", err)
	}
	return s, nil
}

// asOwner is how a program runs as the repository's owner. It gets none of the agent's
// environment, which may hold secrets.
func (d *gitDir) asOwner(place string) (*syscall.SysProcAttr, []string, error) {
	// In a session of its own a hook cannot type into the terminal of who runs the agent.
	attr, home := &syscall.SysProcAttr{Setsid: true}, os.Getenv("HOME")
	if os.Geteuid() == 0 {
		is, ok := d.info.Sys().(*syscall.Stat_t)
		switch {
		case !ok:
			return nil, nil, errors.New("nobody knows whose it is")
		case is.Uid == 0:
			if err := d.isRootsAlone(place); err != nil {
				return nil, nil, err
			}
		default:
			var err error
			if attr.Credential, home, err = credential(is.Uid); err != nil {
				return nil, nil, err
			}
		}
	}
	return attr, []string{"PATH=" + os.Getenv("PATH"), "HOME=" + home, "LC_ALL=C"}, nil
}

// credential is what a login of the user would have. The group of the repository is not
// taken for one of theirs: in a directory with setgid it can be any.
func credential(uid uint32) (*syscall.Credential, string, error) {
	u, err := user.LookupId(strconv.FormatUint(uint64(uid), 10))
	if errors.As(err, new(user.UnknownUserIdError)) {
		return &syscall.Credential{Uid: uid, Gid: nobody}, "/nonexistent", nil
	}
	if err != nil {
		return nil, "", err
	}
	ids, err := u.GroupIds()
	if err != nil {
		return nil, "", err
	}
	c := &syscall.Credential{Uid: uid}
	for _, id := range append(ids, u.Gid) {
		gid, err := strconv.ParseUint(id, 10, 32)
		if err != nil {
			return nil, "", fmt.Errorf("the group of user %d: %w", uid, err)
		}
		c.Gid = uint32(gid) // the last one is the user's own
		c.Groups = append(c.Groups, c.Gid)
	}
	return c, u.HomeDir, nil
}

// isRootsAlone refuses a repository of root's in which others may write, as in a shared
// one: with a hook or a line in the config they would have root do what they like. Who may
// write above it could put another one into its place.
func (d *gitDir) isRootsAlone(place string) error {
	for dir := filepath.Dir(place); ; dir = filepath.Dir(dir) {
		info, err := os.Lstat(dir)
		if err != nil {
			return err
		}
		sticky := info.Mode()&fs.ModeSticky != 0 // there only the owner of a thing may move it
		if info.Mode()&0o022 != 0 && !sticky {   // whose it is was asked when it was opened
			return rootsWritten(dir)
		}
		if dir == filepath.Dir(dir) {
			break
		}
	}
	for _, dir := range []string{".", "hooks", "objects", "refs", "refs/heads"} {
		entries, err := d.entries(dir, maxGitEntries)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		names := []string{dir}
		for _, e := range entries {
			names = append(names, path.Join(dir, e.Name()))
		}
		for _, name := range names {
			info, err := d.lstat(name)
			if errors.Is(err, fs.ErrNotExist) {
				continue // it has no hooks, or a lock is gone
			}
			if err != nil {
				return err
			}
			if !isRoots(info) || info.Mode()&fs.ModeSymlink == 0 && info.Mode()&0o022 != 0 {
				return rootsWritten(d.full(name))
			}
		}
	}
	return nil
}

func isRoots(info fs.FileInfo) bool {
	is, ok := info.Sys().(*syscall.Stat_t)
	return ok && is.Uid == 0
}

func rootsWritten(path string) error {
	return kindf(ErrRefused, "the repository is root's, but others may write %s, and git would do as root what they put there: give the repository to one of them (chown -R), or reach it over ssh", path)
}
