package overlay

import (
	"fmt"
	"io/fs"
	"os"
	"syscall"
)

// private says what is to be done so that nobody else can read or change a file.
func private(full string, info fs.FileInfo) string {
	mode, should := info.Mode().Perm(), "600"
	if info.IsDir() {
		should = "700"
	}
	if s, ok := info.Sys().(*syscall.Stat_t); ok && int(s.Uid) != os.Geteuid() {
		return fmt.Sprintf("%s belongs to another user (uid %d): run chown %d %s", full, s.Uid, os.Geteuid(), full)
	}
	if mode&0o077 != 0 {
		return fmt.Sprintf("others on this host may use %s (mode %04o): run chmod %s %s", full, mode, should, full)
	}
	return ""
}
