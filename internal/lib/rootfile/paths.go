package rootfile

import (
	"path/filepath"
	"strings"
)

// Inside returns full if it is below root and stays there when symbolic links
// are followed; ErrOutside if not, and an fs error if it does not exist.
func Inside(root, full string) (string, error) {
	full = filepath.Clean(full)
	if !Below(filepath.Clean(root), full) {
		return "", ErrOutside
	}
	realRoot, err := filepath.EvalSymlinks(root)
	if err != nil {
		return "", err
	}
	realFull, err := filepath.EvalSymlinks(full)
	if err != nil {
		return "", err
	}
	if !Below(realRoot, realFull) {
		return "", ErrOutside
	}
	return full, nil
}

// Below tells whether the cleaned absolute path is dir or in it.
func Below(dir, path string) bool {
	return path == dir || dir == "/" || strings.HasPrefix(path, dir+"/")
}

// Relative is the path below root for people, slash-separated; the path itself
// when it is not below root.
func Relative(root, path string) string {
	rel, err := filepath.Rel(root, path)
	if err != nil || rel == ".." || strings.HasPrefix(rel, "../") {
		return path
	}
	return filepath.ToSlash(rel)
}
