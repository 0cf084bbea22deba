package scaffold

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// Look marks the comments of what a person should look at.
const Look = "Look: "

// Render writes the proposal as a tandem.yaml. from are the Compose files that it is for.
func (p *Proposal) Render(from []string, needs Needs) []byte {
	w := &writer{}
	w.line("# How tandem deploys what is in %s. tandem init wrote this, and guessed.", strings.Join(from, " and "))
	w.line("# Each line that says \"%s\" wants a person who knows the app.", strings.TrimSpace(Look))
	w.line("app: %s", scalar(p.App))
	if p.Tag.Name != "" {
		w.line("tag: %s%s", strconv.Quote(p.Tag.Name), comment(p.Tag.Why, p.Tag.Doubt))
	}
	switch len(p.Compose) {
	case 0:
	case 1:
		w.line("compose: %s", scalar(p.Compose[0]))
	default:
		w.line("compose: %s", flow(p.Compose))
	}
	if len(p.Profiles) > 0 {
		w.line("profiles: %s", flow(p.Profiles))
	}
	if p.Build {
		w.line("build: true # on this host, from the commit, for what has no image of its own")
	}
	if len(p.Images) > 0 {
		w.line("images: # the tag belongs to these")
		for _, i := range p.Images {
			w.line("  %s: %s", scalar(i.Service), scalar(i.Repository))
		}
	}
	if p.Adopt != "" {
		w.line("adopt: %s # the Compose project that runs: what is shared goes on as it is", scalar(p.Adopt))
	}
	if p.Data != "" {
		w.line("data: %s # where its directories lie", scalar(p.Data))
	}
	w.choices("shared", "once, beside both colors; a deploy does not touch them", p.Shared)
	w.volumes(p.Volumes)
	w.choices("ignore", "left to whatever runs them now; tandem does not", p.Ignore)
	w.routes(p.Routes)
	w.choices("singletons", "beside the live color only", p.Singletons)
	if p.Expand.Name != "" {
		w.line("migrations:")
		w.line("  expand: %s%s", scalar(p.Expand.Name), comment(p.Expand.Why, p.Expand.Doubt))
	}
	w.needs(p.App, needs)
	return []byte(w.String())
}

type writer struct{ strings.Builder }

func (w *writer) line(format string, args ...any) {
	w.WriteString(fmt.Sprintf(format, args...) + "\n")
}

func (w *writer) choices(key, why string, all []Choice) {
	if len(all) == 0 {
		return
	}
	w.line("%s: # %s", key, why)
	for _, c := range all {
		w.line("  - %s%s", scalar(c.Name), comment(c.Why, c.Doubt))
	}
}

func (w *writer) volumes(all []Volume) {
	if len(all) == 0 {
		return
	}
	w.line("volumes: # of services that run once a color: both write to one, or each has its own")
	for _, v := range all {
		w.line("  %s: %s%s", scalar(v.Key), v.Use, comment(v.Why, v.Doubt))
	}
}

func (w *writer) routes(all []Route) {
	w.line("routes: # where Nginx sends requests")
	for _, r := range all {
		w.line("  %s:", scalar(r.Name))
		if r.Service != r.Name {
			w.line("    service: %s", scalar(r.Service))
		}
		if r.Port != 0 {
			w.line("    port: %d%s", r.Port, comment(r.PortWhy, strings.HasPrefix(r.PortWhy, "a guess")))
		}
		if r.Upstream != "" {
			w.line("    upstream: %s # your site passes to it, and stays as it is", scalar(r.Upstream))
		}
		if r.TLS {
			w.line("    # %sthis port speaks TLS, and Nginx asks it without: name one that does not.", Look)
		}
		if r.Status == "" {
			w.line("    health: %s%s", scalar(r.Path), comment(r.Why, r.Doubt))
		} else {
			w.line("    health: {path: %s, status: %s}%s", scalar(r.Path), r.Status, comment(r.Why, r.Doubt))
		}
	}
}

func (w *writer) needs(app string, n Needs) {
	if len(n.Variables) == 0 && len(n.Files) == 0 {
		return
	}
	w.line("")
	w.line("# What git does not have, the host gives: tandem looks for it below %s.", hostDirectory(app))
	for _, u := range n.Variables {
		w.line("#   .env: %s (%s)", u.Name, at(u.File, u.Line))
	}
	for _, f := range n.Files {
		w.line("#   %s (%s)", f.Path, f.Use)
	}
}

func at(file string, line int) string {
	if line == 0 {
		return file
	}
	return file + ":" + strconv.Itoa(line)
}

func comment(why string, doubt bool) string {
	switch {
	case why == "":
		return ""
	case doubt:
		return " # " + Look + why
	}
	return " # " + why
}

var (
	plainScalar = regexp.MustCompile(`^[A-Za-z_./][A-Za-z0-9_./-]*$`)
	yamlWord    = regexp.MustCompile(`(?i)^(true|false|yes|no|on|off|y|n|null|\.nan|\.inf)$`)
	number      = regexp.MustCompile(`^[.0-9eE+-]+$`)
)

// scalar is a text as YAML has it, quoted only where it has to be.
func scalar(text string) string {
	if plainScalar.MatchString(text) && !yamlWord.MatchString(text) && !number.MatchString(text) {
		return text
	}
	return strconv.Quote(text)
}

func flow(texts []string) string {
	all := make([]string, len(texts))
	for i, t := range texts {
		all[i] = scalar(t)
	}
	return "[" + strings.Join(all, ", ") + "]"
}
