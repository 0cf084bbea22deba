package config

import (
	"fmt"
	"net"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	"tandem/internal/lib/giturl"
	"tandem/internal/lib/strictyaml"
	"tandem/reconciler/deploy"
)

// Validate returns everything that is wrong with c as deploy.Faults, each
// with the key it belongs to, and nil when c is good. It looks at no file.
func (c Config) Validate() error {
	v := validator{config: c, where: func(string) (string, int) { return "agent configuration", 0 }}
	v.all()
	return v.faults.Err()
}

type validator struct {
	config Config
	where  func(key string) (file string, line int)
	faults deploy.Faults
}

func (v *validator) all() {
	v.repo()
	v.auth()
	v.status()
	v.nginx()
	v.docker()
	v.policy()
	v.forge()
	v.addresses()
	v.directories()
}

// fault reports one problem, unless the key, or what it is part of, has one
// already: a value that could not be read is still the default.
func (v *validator) fault(key, format string, args ...any) {
	for _, f := range v.faults {
		if f.Path != "" && (key == f.Path || strings.HasPrefix(key, f.Path+".") || strings.HasPrefix(f.Path, key+"[")) {
			return
		}
	}
	plain, _, _ := strings.Cut(key, "[")
	file, line := v.where(plain)
	v.add(file, line, key, fmt.Sprintf(format, args...))
}

func (v *validator) add(file string, line int, path, text string) {
	v.faults = append(v.faults, deploy.Fault{File: file, Line: line, Path: path, Text: text})
}

var (
	// dirPattern is what stands in an Nginx configuration without quotes.
	dirPattern       = regexp.MustCompile(`^/[A-Za-z0-9._/-]+$`)
	containerPattern = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_.-]*$`)
)

func (v *validator) nginx() {
	n := v.config.Nginx
	if !dirPattern.MatchString(n.Dir) || filepath.Clean(n.Dir) != n.Dir {
		v.fault("nginx.dir", "want an absolute path of letters, digits and . _ - (it stands in Nginx's configuration), got %q", n.Dir)
	}
	if n.Switch != SwitchFlip && n.Switch != SwitchReload {
		v.fault("nginx.switch", "want flip or reload, got %q", n.Switch)
	}
	if strings.TrimSpace(n.Command) == "" {
		v.fault("nginx.command", "is empty; write how Nginx is called, such as nginx or nginx -c /srv/nginx.conf")
	}
	if n.Container != "" && !containerPattern.MatchString(n.Container) {
		v.fault("nginx.container", "want the name of a container, got %q", n.Container)
	}
}

func (v *validator) docker() {
	if free := v.config.Docker.MinFree; free < 0 || free > maxSize {
		v.fault("docker.min_free", "want 0 or a size up to %s, got %d bytes", strictyaml.FormatSize(maxSize), free)
	}
	v.ports()
	host := v.config.Docker.Host
	if path, ok := strings.CutPrefix(host, "unix://"); ok && filepath.IsAbs(path) {
		return
	}
	if address, ok := strings.CutPrefix(host, "tcp://"); ok {
		if _, port, err := splitAddress(address); err == nil && port > 0 {
			return
		}
	}
	v.fault("docker.host", "want unix:///path/of/the.sock or tcp://host:port, got %q", host)
}

// ports wants room for one route at least, beside the agent's own ports, which no route
// can have.
func (v *validator) ports() {
	ports := v.config.Docker.Ports
	if err := ports.Check(); err != nil {
		v.fault("docker.ports", "%v", err)
		return
	}
	left := ports.Last - ports.First + 1
	for port := range v.config.OwnPorts() {
		if port >= ports.First && port <= ports.Last {
			left--
		}
	}
	if left < 2 {
		v.fault("docker.ports", "the range %s has no two ports beside tandem's own, those of listen and nginx.confirm; write a wider one, such as %s", ports, Default().Docker.Ports)
	}
}

// policy leaves the names themselves to the compose package, which knows them.
func (v *validator) policy() {
	for i, name := range v.config.Policy.Allow {
		if strings.TrimSpace(name) != name || name == "" {
			v.fault(fmt.Sprintf("policy.allow[%d]", i), "want a name without spaces around it, got %q", name)
		}
	}
}

// addresses keeps a listener on loopback that does not ask who is there. The API
// does with a token; Nginx in a container may have to listen on the container's
// address.
func (v *validator) addresses() {
	listen, ok := v.address("listen", v.config.Listen, v.config.API.TokenFile == "", ", unless api.token_file names a token to ask for")
	confirm, known := v.address("nginx.confirm", v.config.Nginx.Confirm, v.config.Nginx.Container == "", "")
	switch {
	case known && confirm == 0:
		v.fault("nginx.confirm", "want a port from 1 to 65535, got %q", v.config.Nginx.Confirm)
	case ok && known && listen == confirm:
		v.fault("nginx.confirm", "port %d is that of listen already; give Nginx another one", confirm)
	}
}

// address returns the port, and false when there is none to be had. unless says
// how an address that is not local becomes one that is good.
func (v *validator) address(key, value string, local bool, unless string) (int, bool) {
	host, port, err := splitAddress(value)
	switch {
	case err != nil || host == "":
		v.fault(key, "want an address such as %s, got %q", v.example(key), value)
		return 0, false
	case local && !giturl.Loopback(host):
		v.fault(key, "want a loopback address such as %s (whoever reaches it is not asked who they are)%s, got %q", v.example(key), unless, value)
	}
	return port, true
}

func (v *validator) example(key string) string {
	if key == "listen" {
		return Default().Listen
	}
	return Default().Nginx.Confirm
}

func splitAddress(s string) (string, int, error) {
	host, text, err := net.SplitHostPort(s)
	if err != nil {
		return "", 0, err
	}
	port, err := strconv.ParseUint(text, 10, 16)
	if strings.ContainsFunc(host, func(r rune) bool { return r <= ' ' || r > '~' || strings.ContainsRune(`"';{}/\`, r) }) {
		return "", 0, fmt.Errorf("not a host: %q", host)
	}
	return host, int(port), err
}

func (v *validator) directories() {
	state, dir := v.config.State, v.config.Nginx.Dir
	switch {
	case !filepath.IsAbs(state) || filepath.Clean(state) == "/":
		v.fault("state", "want an absolute directory, such as /var/lib/tandem, got %q", state)
	case filepath.Clean(state) == filepath.Clean(dir):
		v.fault("state", "%s is nginx.dir already; the agent's state needs a directory of its own", state)
	}
	if apps := v.config.Apps; !filepath.IsAbs(apps) || filepath.Clean(apps) == "/" {
		v.fault("apps", "want an absolute directory, such as /etc/tandem/apps, got %q", apps)
	}
}
