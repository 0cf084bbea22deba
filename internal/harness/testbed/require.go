package testbed

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// debianPackage tells which Debian package holds a program.
func debianPackage(program string) string {
	switch program {
	case "docker", "dockerd", "containerd":
		return "docker.io"
	case "go", "gofmt":
		return "golang-go"
	case "sshd":
		return "openssh-server"
	case "ssh", "ssh-keygen":
		return "openssh-client"
	case "gpg":
		return "gnupg"
	case "ip":
		return "iproute2"
	case "htpasswd":
		return "apache2-utils"
	case "apt-get":
		return "apt"
	default:
		return program // nginx, docker-registry, mmdebstrap, git, curl, tar
	}
}

// Require returns nil when every program is installed; otherwise the error
// names each one that is missing and the Debian package that has it.
func Require(programs ...string) error {
	var missing []error
	for _, p := range programs {
		if _, err := lookPath(p); err != nil {
			missing = append(missing, fmt.Errorf("%s is not installed: apt-get install %s", p, debianPackage(p)))
		}
	}
	return errors.Join(missing...)
}

// lookPath also finds what Debian keeps in sbin, which is not on the PATH of
// a user who is not root.
func lookPath(program string) (string, error) {
	path, err := exec.LookPath(program)
	if err == nil {
		return path, nil
	}
	for _, dir := range []string{"/usr/local/sbin", "/usr/sbin", "/sbin"} {
		candidate := filepath.Join(dir, program)
		if info, statErr := os.Stat(candidate); statErr == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0 {
			return candidate, nil
		}
	}
	return "", fmt.Errorf("find %s: %w", program, err)
}
