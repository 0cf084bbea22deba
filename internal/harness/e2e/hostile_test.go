package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"tandem/internal/harness/stage"
	"tandem/internal/harness/testbed/tb"
	"tandem/reconciler/deploy"
)

const (
	hostileApps  = 100
	hostileLimit = 300 << 20 // bytes that the agent may have at most meanwhile
)

// TestHostile_AHundredFilesAtOnceCostTheirAppsOnly has a repository with a hundred apps
// that would each take gigabytes, or hours, and one honest one. That goes live, the
// others are refused, and the agent, a process of its own, is never large.
func TestHostile_AHundredFilesAtOnceCostTheirAppsOnly(t *testing.T) {
	t.Parallel()
	w := newStage(t, stage.Options{})
	p := newProgram(w)
	w.build("1.0.0")
	shapes := hostileShapes()
	for i := range hostileApps {
		name := fmt.Sprintf("hostile-%03d", i)
		// The ports are nobody's: nothing of it is ever started.
		app := fmt.Sprintf("app: %s\ntag: \"1\"\nshared: other.yaml\nroutes:\n  api: {ports: {blue: %d, green: %d}, health: /}\n", name, 1024+2*i, 1025+2*i)
		files := shapes[i%len(shapes)]
		files["tandem.yaml"] = app
		for file, content := range files {
			full := filepath.Join(w.Work, name, file)
			check(t, os.MkdirAll(filepath.Dir(full), 0o755))
			check(t, os.WriteFile(full, []byte(content), 0o644))
		}
	}
	p.start()
	commit := w.push(stage.Desired{Tag: "1.0.0", Color: "blue"})
	w.addSite()
	w.live(commit, "1.0.0", deploy.Blue)
	tb.Until(t, patience, "all hostile apps refused", func() error {
		list, err := w.Git(t.Context(), "--git-dir", w.Bare, "grep", "-l", "^phase: Refused", "tandem-status", "--", "hostile-*")
		if n := len(strings.Fields(list)); err != nil || n != hostileApps {
			return fmt.Errorf("%d are refused (%v), want %d", n, err, hostileApps)
		}
		return nil
	})
	most := peak(t, p.cmd.Process.Pid)
	t.Logf("%d hostile apps of %d shapes: the agent had %d MiB at most", hostileApps, len(shapes), most>>20)
	if most > hostileLimit {
		t.Errorf("the agent had %d MiB, want less than %d", most>>20, hostileLimit>>20)
	}
}

// peak is the most memory that a process ever had.
func peak(t *testing.T, pid int) int64 {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	check(t, err)
	_, rest, _ := strings.Cut(string(status), "VmHWM:")
	kilobytes, err := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
	check(t, err)
	return kilobytes << 10
}

// hostileShapes are files of a few kilobytes at most. The shared file is good where none
// is said.
func hostileShapes() []map[string]string {
	const api = "services:\n  api: {image: 'a:1', ports: ['${API_PORT}:3000']}\n"
	services := func(n int, format string) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, "  w%d: "+format+"\n", i)
		}
		return b.String()
	}
	list := func(n int, format string) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, format, i)
		}
		return b.String()
	}
	all := func(n int) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, "  s%d: {image: 'a:1', depends_on: [%s]}\n", i, list(i, "s%d,"))
		}
		return b.String()
	}
	const db = "services: {db: {image: 'd:1'}}\n"
	shape := func(compose, other string, more ...string) map[string]string {
		files := map[string]string{"compose.yaml": compose, "other.yaml": other}
		for i := 0; i < len(more); i += 2 {
			files[more[i]] = more[i+1]
		}
		return files
	}
	return []map[string]string{
		shape(api+services(1, "{image: 'a:1', deploy: {replicas: 2000000}}"), db),
		shape(api+services(1, "{image: 'a:1', scale: 9223372036854775807}"), db),
		shape(api, "services: {db: {image: 'd:1', scale: 3000000}}\n"),
		shape("x-w: &w {image: 'a:1', expose: ['1-65535']}\n"+api+services(190, "*w"), db),
		shape(api+services(1, "{image: 'a:1', ports: ['1-65535:1-65535']}"), db),
		shape(api+"  base: {image: 'a:1', ports: ['1-450:1-450']}\n"+services(150, "{extends: base}"), db),
		shape(api+services(900, "{image: 'a:1'}"), db),
		shape(api+all(40), db),
		shape(api, db, ".env", "A="+strings.Repeat("${B:-", 3000)+strings.Repeat("}", 3000)+"\n"),
		shape("x-a: &a ["+list(50, "a%d,")+"]\nx-b: &b ["+strings.Repeat("*a,", 50)+"]\n"+api+services(100, "{image: 'a:1', x-b: *b}"), db),
		shape("include: ["+strings.Repeat("big.yaml,", 190)+"]\n"+api, db, "big.yaml", "x-l: ["+list(2000, "l%d,")+"]\nservices: {b: {image: 'a:1'}}\n"),
		shape("x-l: &l ["+list(400, "l%d=1,")+"]\n"+api+services(100, "{image: 'a:1', labels: *l, environment: *l}"), db),
		shape("x-e: &e [big.env]\n"+api+services(100, "{image: 'a:1', env_file: *e}"), db, "big.env", "A="+strings.Repeat("x", 900_000)+"\n"),
		shape("x-n: &n ["+list(90, "n%d,")+"]\n"+api+services(90, "{image: 'a:1', networks: *n, scale: 1}")+"networks:\n"+list(90, "  n%d: {}\n"), db),
		shape(api+services(1, "{image: 'a:1', command: '${A}${A}${A}${A}${A}${A}${A}${A}${A}${A}'}"), db, ".env", "A="+strings.Repeat("x", 900_000)+"\n"),
	}
}
