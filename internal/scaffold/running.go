package scaffold

import (
	"context"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/docker/compose/v5/pkg/api"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/client"

	"tandem/compose/project"
)

// Running is what a host has of the app already.
type Running struct {
	// Project is the Compose project that was started from the directory; empty: none.
	Project string
	// Upstreams are those of Nginx's site, by the port of this host that they lead to.
	Upstreams map[int]string
}

// lookTime bounds the look at Docker and Nginx. Who does not answer has nothing to say.
const lookTime = 3 * time.Second

// look asks Docker and Nginx what this host has of the app in the directory.
func (h Host) look(ctx context.Context, dir string) Running {
	ctx, cancel := context.WithTimeout(ctx, lookTime)
	defer cancel()
	r := Running{}
	if h.Docker != "" {
		r.Project = runningProject(ctx, h.Docker, dir)
	}
	if words := strings.Fields(h.Nginx); len(words) > 0 {
		if text, err := exec.CommandContext(ctx, words[0], append(words[1:], "-T")...).Output(); err == nil {
			r.Upstreams = upstreamsIn(string(text))
		}
	}
	return r
}

// runningProject is the Compose project of the first container that Compose started from the
// directory. Those of tandem are its own.
func runningProject(ctx context.Context, host, dir string) (name string) {
	engine, err := client.NewClientWithOpts(client.WithHost(host), client.WithAPIVersionNegotiation())
	if err != nil {
		return ""
	}
	defer func() {
		if err := engine.Close(); err != nil {
			name = "" // it never answered
		}
	}()
	list, err := engine.ContainerList(ctx, container.ListOptions{All: true, Filters: filters.NewArgs(filters.Arg("label", api.WorkingDirLabel+"="+dir))})
	if err != nil {
		return ""
	}
	for _, c := range list {
		if c.Labels[project.LabelApp] == "" && c.Labels[api.ProjectLabel] != "" {
			return c.Labels[api.ProjectLabel]
		}
	}
	return ""
}

var (
	nginxComment  = regexp.MustCompile(`(?m)(^|\s)#.*$`)
	nginxUpstream = regexp.MustCompile(`\bupstream\s+(\S+)\s*\{([^}]*)\}`)
	nginxServer   = regexp.MustCompile(`\bserver\s+(?:127\.0\.0\.1|localhost):(\d+)`)
)

// upstreamsIn finds the upstreams of this host in what `nginx -T` prints, to which a site
// passes requests.
func upstreamsIn(text string) map[int]string {
	text = nginxComment.ReplaceAllString(text, "$1")
	found := map[int]string{}
	for _, m := range nginxUpstream.FindAllStringSubmatch(text, -1) {
		if !regexp.MustCompile(`\bproxy_pass\s+http://` + regexp.QuoteMeta(m[1]) + `\b`).MatchString(text) {
			continue
		}
		for _, server := range nginxServer.FindAllStringSubmatch(m[2], -1) {
			port, err := strconv.Atoi(server[1])
			if err != nil {
				continue
			}
			if found[port] == "" {
				found[port] = m[1]
			}
		}
	}
	return found
}

// takeOver proposes that what runs already goes on: the project whose database it is, and
// the upstream to which the site passes.
func (g *guesser) takeOver() {
	for i, r := range g.p.Routes {
		for _, p := range g.all[r.Service].Ports {
			if port, err := strconv.Atoi(p.Published); err == nil && g.Running.Upstreams[port] != "" {
				g.p.Routes[i].Upstream = g.Running.Upstreams[port]
			}
		}
	}
	if g.Running.Project == "" || len(g.p.Shared) == 0 {
		return
	}
	g.p.Adopt = g.Running.Project
	for _, c := range g.p.Shared {
		for _, d := range g.all[c.Name].data {
			if rel, local := g.inside(d.key); local && !d.volume {
				g.p.Data = g.Dir
				g.p.Kept = append(g.p.Kept, filepath.Join(g.Dir, rel))
			}
		}
	}
	slices.Sort(g.p.Kept)
	g.p.Kept = slices.Compact(g.p.Kept)
}

// allow lists what the host has to say for what is taken over: a push alone takes nothing.
func (p *Proposal) allow() []string {
	var all []string
	if p.Adopt != "" {
		all = append(all, "adopt:"+p.Adopt)
	}
	for _, dir := range p.Kept {
		all = append(all, "host-mounts:"+dir)
	}
	return all
}
