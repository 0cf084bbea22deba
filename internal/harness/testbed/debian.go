package testbed

import (
	"bufio"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/image"
)

// debianPackages are what the Dockerfiles of the examples install, and an Nginx for
// those who want one in a container. They are in one image, because each takes
// longer to make, and to push, than the tests that want it.
var debianPackages = []string{
	"curl", "gunicorn", "nginx", "node-pg", "node-redis", "nodejs", "postgresql", "python3-flask", "redis-server",
}

// debianLacks are the files that nobody needs in a test: two thirds of the size.
var debianLacks = []string{
	"/usr/share/doc/*", "/usr/share/i18n/*", "/usr/share/info/*", "/usr/share/locale/*", "/usr/share/man/*",
	// PostgreSQL compiles large queries, and goes without where these are missing.
	"/usr/lib/*/libLLVM*", "/usr/lib/postgresql/*/lib/bitcode/*", "/usr/lib/postgresql/*/lib/llvmjit*",
}

// Debian returns the name of an image with a minimal Debian of this machine's
// release and debianPackages in it. It is "tandem-test/debian:<hash of what it is
// made of>". The first time it is made with mmdebstrap, which takes about half a
// minute, needs root, and loads the packages from where this machine's own apt gets
// them. The image is meant to stay; its archive also stays in CacheDir, so that
// removing the image costs little.
func (e *Engine) Debian(ctx context.Context) (ref string, err error) {
	from, err := debianSource()
	if err != nil {
		return "", err
	}
	return e.debian(ctx, from, debianPackages)
}

// NewNginx returns the name of an image with the newest Nginx that Debian has, made and
// kept as that of Debian is: what it does is not what this machine's Nginx does.
func (e *Engine) NewNginx(ctx context.Context) (ref string, err error) {
	from, err := debianSource()
	if err != nil {
		return "", err
	}
	return e.debian(ctx, aptSource{from.mirror, "sid"}, []string{"nginx"})
}

func (e *Engine) debian(ctx context.Context, from aptSource, packages []string) (ref string, err error) {
	key := sha256.Sum256(fmt.Append(nil, from.suite, packages, debianLacks))
	tag := fmt.Sprintf("%x", key)[:12]
	ref = "tandem-test/debian:" + tag
	cache, err := CacheDir()
	if err != nil {
		return "", err
	}
	base := filepath.Join(cache, "debian-"+tag)
	unlock, err := lock(ctx, base+".lock")
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, unlock()) }()
	if _, err := e.Client.ImageInspect(ctx, ref); !errdefs.IsNotFound(err) {
		return ref, err
	}
	if _, err := os.Stat(base + ".tar"); err != nil {
		if err := bootstrap(ctx, base, from, packages); err != nil {
			return "", fmt.Errorf("make the root file system of %s: %w", ref, err)
		}
	}
	return ref, e.importArchive(ctx, ref, base+".tar")
}

// bootstrap makes <base>.tar. It works beside it and moves the file into
// place at the end, so that an archive that exists is a whole one.
func bootstrap(ctx context.Context, base string, from aptSource, packages []string) error {
	args := []string{
		"--mode=root", "--variant=essential", "--format=tar", "--include=" + strings.Join(packages, ","),
		"--skip=output/dev",
		`--aptopt=Acquire::Check-Valid-Until "false"`,   // a mirror, or this machine's clock, may be of another month
		`--customize-hook=rm "$1/etc/apt/sources.list"`, // names this machine's mirror
	}
	for _, files := range debianLacks {
		args = append(args, "--dpkgopt=path-exclude="+files)
	}
	if err := run(ctx, "mmdebstrap", append(args, from.suite, base+".part", from.mirror)...); err != nil {
		return err
	}
	return os.Rename(base+".part", base+".tar")
}

func (e *Engine) importArchive(ctx context.Context, ref, path string) (err error) {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	progress, err := e.Client.ImageImport(ctx, image.ImportSource{Source: io.NopCloser(f), SourceName: "-"}, ref,
		image.ImportOptions{Changes: []string{"LABEL tandem.test=debian", `CMD ["/bin/sh"]`}})
	if err != nil {
		return fmt.Errorf("import %s: %w", ref, err)
	}
	return Finish("import "+ref, progress)
}

// aptSource is where this machine gets its release from.
type aptSource struct{ mirror, suite string }

// debianSource asks apt once: it takes a second.
var debianSource = sync.OnceValues(func() (s aptSource, err error) {
	if s.suite, err = codename(); err != nil {
		return s, err
	}
	out, err := exec.Command("apt-get", "indextargets",
		"--format", "$(REPO_URI) $(RELEASE) $(COMPONENT)", "Created-By: Packages").Output()
	if err != nil {
		return s, fmt.Errorf("ask apt for its sources: %w", err)
	}
	for line := range strings.Lines(string(out)) {
		if f := strings.Fields(line); len(f) == 3 && f[1] == s.suite && f[2] == "main" {
			s.mirror = f[0]
			return s, nil
		}
	}
	return s, fmt.Errorf("apt has no source for %s main on this machine", s.suite)
})

// codename reads the machine's Debian release ("bookworm").
func codename() (string, error) {
	f, err := os.Open("/etc/os-release")
	if err != nil {
		return "", err
	}
	defer func() { _ = f.Close() }() // it was only read
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		if name, ok := strings.CutPrefix(lines.Text(), "VERSION_CODENAME="); ok {
			return strings.Trim(name, `"`), nil
		}
	}
	return "", errors.Join(errors.New("/etc/os-release has no VERSION_CODENAME"), lines.Err())
}

// run runs a program to its end; its output is part of the error.
func run(ctx context.Context, program string, args ...string) error {
	path, err := lookPath(program)
	if err != nil {
		return err
	}
	out, err := exec.CommandContext(ctx, path, args...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s: %w\n%s", program, err, out[max(0, len(out)-2000):])
	}
	return nil
}
