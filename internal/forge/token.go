package forge

import (
	"errors"
	"fmt"
	"os"
	"strings"
)

// readToken reads the token anew: it may have been renewed since. The error never
// holds it.
func readToken(path string) (string, error) {
	info, err := os.Stat(path)
	if err != nil {
		return "", fmt.Errorf("read the token: %w", err)
	}
	if mode := info.Mode().Perm(); mode&0o007 != 0 {
		return "", fmt.Errorf("read the token: everyone on this host may use %s (mode %04o); run: chmod 600 %s", path, mode, path)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return "", fmt.Errorf("read the token: %w", err)
	}
	token := strings.TrimSpace(string(data))
	if token == "" {
		return "", fmt.Errorf("read the token: %s is empty", path)
	}
	// Such a header would be refused with an error that repeats it.
	if strings.ContainsFunc(token, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return "", errors.New("read the token: " + path + " holds more than one word")
	}
	return token, nil
}
