package source

import (
	"os"
	"syscall"
)

// adopt gives a file or directory that this process made in somebody else's
// repository to the owner of the directory it was made in. Without that, an agent
// that runs as root would leave directories in which the owner's next push fails.
func adopt(path, parent string, dir bool) error {
	like, err := os.Stat(parent)
	if err != nil {
		return err
	}
	own, err := os.Stat(path)
	if err != nil {
		return err
	}
	want, ok := like.Sys().(*syscall.Stat_t)
	have, ok2 := own.Sys().(*syscall.Stat_t)
	if !ok || !ok2 {
		return nil
	}
	if os.Geteuid() == 0 && (want.Uid != have.Uid || want.Gid != have.Gid) {
		if err := os.Lchown(path, int(want.Uid), int(want.Gid)); err != nil {
			return err
		}
	}
	// A shared repository is group-writable; a directory that is not would shut the
	// others out. Somebody else's directory is already as its owner wants it.
	if dir && int(have.Uid) == os.Geteuid() && like.Mode() != own.Mode() {
		return os.Chmod(path, like.Mode())
	}
	return nil
}
