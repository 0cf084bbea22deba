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
	"slices"
	"strings"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/image"
	"golang.org/x/sys/unix"
)

// Rootfs returns the name of an image with a minimal Debian of this machine's
// release and the packages in it. It is "tandem-test/<name>:<hash of the
// packages>". The first time it is made with debootstrap, which takes about
// half a minute, needs root, and loads the packages from where this machine's
// own apt gets them. The image is meant to stay; its archive also stays in
// CacheDir, so that removing the image costs little.
func (e *Engine) Rootfs(ctx context.Context, name string, packages []string) (ref string, err error) {
	packages = slices.Compact(slices.Sorted(slices.Values(packages)))
	mirror, suite, err := debianSource(ctx)
	if err != nil {
		return "", err
	}
	key := sha256.Sum256([]byte(suite + " " + strings.Join(packages, " ")))
	tag := fmt.Sprintf("%x", key)[:12]
	ref = "tandem-test/" + name + ":" + tag
	cache, err := CacheDir()
	if err != nil {
		return "", err
	}
	base := filepath.Join(cache, "rootfs-"+tag)
	unlock, err := lock(ctx, base+".lock")
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, unlock()) }()
	if _, err := e.Client.ImageInspect(ctx, ref); !errdefs.IsNotFound(err) {
		return ref, err
	}
	if _, err := os.Stat(base + ".tar"); err != nil {
		if err := bootstrap(ctx, base, mirror, suite, packages); err != nil {
			return "", fmt.Errorf("make root file system %s: %w", name, err)
		}
	}
	return ref, e.importArchive(ctx, ref, base+".tar")
}

// bootstrap makes <base>.tar. It works beside it and moves the file into
// place at the end, so that an archive that exists is a whole one.
func bootstrap(ctx context.Context, base, mirror, suite string, packages []string) (err error) {
	root := base + ".root"
	if err := discard(root); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, discard(root)) }()
	args := []string{"--variant=minbase"}
	if len(packages) > 0 {
		args = append(args, "--include="+strings.Join(packages, ","))
	}
	if err := run(ctx, "debootstrap", append(args, suite, root, mirror)...); err != nil {
		return err
	}
	archive := []string{"--create", "--file", base + ".part", "--directory", root, "--numeric-owner", "--sort=name"}
	for _, waste := range []string{
		"./var/lib/apt/lists/*", "./var/cache/apt/*", "./var/cache/debconf/*", "./var/log/*",
		"./usr/share/doc/*", "./usr/share/man/*", "./usr/share/locale/*", "./usr/share/info/*",
		"./dev/*", "./debootstrap",
		"./etc/apt/sources.list", // names this machine's mirror
	} {
		archive = append(archive, "--exclude", waste)
	}
	if err := run(ctx, "tar", append(archive, ".")...); err != nil {
		return err
	}
	return os.Rename(base+".part", base+".tar")
}

// discard removes the tree at root. debootstrap mounts /proc and /sys into it,
// and one that was killed leaves them there; removing through them would reach
// into this machine's own.
func discard(root string) error {
	mounts, err := os.ReadFile("/proc/self/mounts")
	if err != nil {
		return err
	}
	for line := range strings.Lines(string(mounts)) {
		point := strings.Fields(line)[1]
		if !strings.HasPrefix(point, root+"/") {
			continue
		}
		if err := unix.Unmount(point, unix.MNT_DETACH); err != nil {
			return fmt.Errorf("unmount %s: %w", point, err)
		}
	}
	return os.RemoveAll(root)
}

func (e *Engine) importArchive(ctx context.Context, ref, path string) (err error) {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	progress, err := e.Client.ImageImport(ctx, image.ImportSource{Source: io.NopCloser(f), SourceName: "-"}, ref,
		image.ImportOptions{Changes: []string{"LABEL tandem.test=rootfs", `CMD ["/bin/sh"]`}})
	if err != nil {
		return fmt.Errorf("import %s: %w", ref, err)
	}
	return Finish("import "+ref, progress)
}

// debianSource asks apt where this machine gets its release from.
func debianSource(ctx context.Context) (mirror, suite string, err error) {
	suite, err = codename()
	if err != nil {
		return "", "", err
	}
	out, err := exec.CommandContext(ctx, "apt-get", "indextargets",
		"--format", "$(REPO_URI) $(RELEASE) $(COMPONENT)", "Created-By: Packages").Output()
	if err != nil {
		return "", "", fmt.Errorf("ask apt for its sources: %w", err)
	}
	for line := range strings.Lines(string(out)) {
		if f := strings.Fields(line); len(f) == 3 && f[1] == suite && f[2] == "main" {
			return f[0], suite, nil
		}
	}
	return "", "", fmt.Errorf("apt has no source for %s main on this machine", suite)
}

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
