package verify

import (
	"fmt"
	"io"
	"io/fs"
	"os"
	"syscall"
)

// maxFile is the size in bytes that a file with keys may have.
const maxFile = 16 << 20

// readFile reads a file with keys. One that somebody else could write is refused:
// whoever can add a key to it can deploy.
func readFile(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // it was only read
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if err := guarded(path, info); err != nil {
		return nil, err
	}
	data, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err == nil && len(data) > maxFile {
		err = fmt.Errorf("%s is larger than %d bytes", path, maxFile)
	}
	return data, err
}

func guarded(path string, info fs.FileInfo) error {
	if !info.Mode().IsRegular() {
		return fmt.Errorf("%s is not a file", path)
	}
	if mode := info.Mode().Perm(); mode&0o022 != 0 {
		return fmt.Errorf("others may write %s (mode %04o), and who can add a key can deploy; run: chmod 644 %s", path, mode, path)
	}
	own, ok := info.Sys().(*syscall.Stat_t)
	if ok && own.Uid != 0 && int(own.Uid) != os.Geteuid() {
		return fmt.Errorf("%s belongs to user %d, who could add a key to it, and so deploy; run: chown root %s", path, own.Uid, path)
	}
	return nil
}
