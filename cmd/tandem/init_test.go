package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

const forumFile = `services:
  web:
    image: acme/forum:latest
    ports: ["3000:3000"]
    volumes: ["uploads:/data"]
    depends_on: [db, search]
  search:
    image: acme/forum-search:2
    volumes: ["index:/index"]
  db:
    image: postgres:16
    volumes: ["db:/var/lib/postgresql/data"]
volumes: {uploads: , index: , db: }
`

// terminal is a pseudo-terminal with a program in it.
type terminal struct {
	t      *testing.T
	master *os.File
	cmd    *exec.Cmd

	mu    sync.Mutex
	shown strings.Builder
	ended chan struct{} // closed when the program has closed its side
}

// openTerminal starts a program in the directory, with a terminal of its own.
func openTerminal(t *testing.T, dir string, args ...string) *terminal {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = master.Close() })
	if err := unix.IoctlSetPointerInt(int(master.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	number, err := unix.IoctlGetInt(int(master.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	slave, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = slave.Close() }() // the program has it
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	cmd := exec.CommandContext(ctx, "tandem", args...)
	cmd.Dir, cmd.Stdin, cmd.Stdout, cmd.Stderr = dir, slave, slave, slave
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	x := &terminal{t: t, master: master, cmd: cmd, ended: make(chan struct{})}
	go x.read()
	return x
}

func (x *terminal) read() {
	defer close(x.ended)
	buffer := make([]byte, 4096)
	for {
		n, err := x.master.Read(buffer)
		x.mu.Lock()
		x.shown.Write(buffer[:n])
		x.mu.Unlock()
		if err != nil { // EIO, when nobody has the other side any more
			return
		}
	}
}

func (x *terminal) screen() string {
	x.mu.Lock()
	defer x.mu.Unlock()
	return strings.ReplaceAll(x.shown.String(), "\r\n", "\n")
}

// answer waits until the program has asked, and types an answer.
func (x *terminal) answer(question, text string) {
	x.t.Helper()
	for deadline := time.After(30 * time.Second); ; {
		if _, after, asked := strings.Cut(x.screen(), question); asked && strings.HasSuffix(after, "] ") {
			break
		}
		select {
		case <-x.ended:
			x.t.Fatalf("ended without asking %q:\n%s", question, x.screen())
		case <-deadline:
			x.t.Fatalf("never asked %q:\n%s", question, x.screen())
		case <-time.After(10 * time.Millisecond):
		}
	}
	if _, err := io.WriteString(x.master, text); err != nil {
		x.t.Fatal(err)
	}
}

func (x *terminal) wait() int {
	x.t.Helper()
	err := x.cmd.Wait()
	<-x.ended
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		x.t.Fatal(err)
	}
	return x.cmd.ProcessState.ExitCode()
}

func forum(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "forum")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "compose.yaml"), []byte(forumFile), 0o644); err != nil {
		t.Fatal(err)
	}
	return dir
}

func names(t *testing.T, dir string) string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, e := range entries {
		all = append(all, e.Name())
	}
	return strings.Join(all, " ")
}

func TestInit_OnATerminalWritesWhatAPersonAnswers(t *testing.T) {
	dir := forum(t)
	x := openTerminal(t, dir, "init")
	x.answer("Which services do people reach?", "\n")
	x.answer("Which exist once", "db, serch\n")
	x.answer("there is no service serch", "db\n")
	x.answer("uploads is used by web", "\n")
	x.answer("index is used by search", "each\n")
	x.answer("Which path of web", "/up\n")
	x.answer("Which tag", "2.1.0\n")
	if code := x.wait(); code != codeDone {
		t.Fatalf("exit code %d:\n%s", code, x.screen())
	}
	data, err := os.ReadFile(filepath.Join(dir, "tandem.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`tag: "2.1.0"`, "  - db\n", "  uploads: both", "  index: each", "health: /up"} {
		if !strings.Contains(strings.ReplaceAll(string(data), " # as you said", ""), want) {
			t.Errorf("tandem.yaml lacks %q:\n%s", want, data)
		}
	}
	if strings.Contains(string(data), "- search") {
		t.Errorf("search is shared, and the person did not say so:\n%s", data)
	}
	if screen := x.screen(); !strings.Contains(screen, "git add tandem.yaml") {
		t.Errorf("nothing says what is left to do:\n%s", screen)
	}

	// A second run asks before it takes the file's place, and an empty line leaves it.
	again := openTerminal(t, dir, "init")
	again.answer("tandem.yaml is there already", "\n")
	if code := again.wait(); code != codeDone {
		t.Errorf("exit code %d:\n%s", code, again.screen())
	}
	if now, err := os.ReadFile(filepath.Join(dir, "tandem.yaml")); err != nil || string(now) != string(data) {
		t.Errorf("the file was changed (%v):\n%s", err, now)
	}
}

func TestInit_CtrlCLeavesNothing(t *testing.T) {
	dir := forum(t)
	x := openTerminal(t, dir, "init")
	x.answer("Which services do people reach?", "\n")
	x.answer("Which exist once", "\x03")
	if code := x.wait(); code != codeFailed {
		t.Errorf("exit code %d, want %d:\n%s", code, codeFailed, x.screen())
	}
	if got := names(t, dir); got != "compose.yaml" {
		t.Errorf("the directory has %s, want compose.yaml alone", got)
	}
	if screen := x.screen(); !strings.Contains(screen, "stopped before it was done") {
		t.Errorf("nothing says that nothing was done:\n%s", screen)
	}
}
