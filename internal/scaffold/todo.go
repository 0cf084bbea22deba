package scaffold

import (
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"

	"tandem/compose/project"
)

// Needs is what an app needs of a host, because git does not have it.
type Needs struct {
	Variables []Unset
	Files     []MissingFile
	Allow     []string // entries of policy.allow
	Dotenv    bool     // the .env file lies beside the Compose file, and git does not have it
}

// Needs lists what the services of a proposal need of the host. Variables of services that
// are ignored are none of its business.
func (p *Proposal) Needs(s *Source) Needs {
	var services []string
	for _, choices := range [][]Choice{p.Shared, p.Singletons, {p.Expand}} {
		for _, c := range choices {
			services = append(services, c.Name)
		}
	}
	services = append(services, p.Colored...)
	slices.Sort(services)
	n := Needs{Files: s.Missing(services), Allow: p.allow()}
	for _, u := range s.Unset {
		if len(u.path) < 2 || u.path[0] != "services" || slices.Contains(services, u.path[1]) || s.usedBy(u.Name, services) {
			n.Variables = append(n.Variables, u)
		}
	}
	_, err := os.Stat(filepath.Join(s.Dir, ".env"))
	n.Dotenv = err == nil && !s.Tracked(".env") && len(s.env) > 0
	n.Files = slices.DeleteFunc(n.Files, func(f MissingFile) bool { return n.Dotenv && f.Path == ".env" })
	return n
}

// usedBy tells whether one of the services uses a variable that has no value.
func (s *Source) usedBy(variable string, services []string) bool {
	return slices.ContainsFunc(s.uses[variable], func(service string) bool { return slices.Contains(services, service) })
}

// Step is one thing that is left to do, and the commands that do it.
type Step struct {
	Text     string
	Commands []string
}

// Host is what Todo has to know about this machine.
type Host struct {
	Apps  string // the directory of the host directories
	Agent string // the agent's own file
	// Docker is where the engine listens, and Nginx how it is called; empty: it is not asked.
	Docker, Nginx string
	Has           func(name string) bool
}

// NewHost is this machine.
func NewHost(apps, agentFile string) Host {
	return Host{Apps: apps, Agent: agentFile, Has: func(name string) bool {
		_, err := os.Stat(name)
		return err == nil
	}}
}

// hostDirectory is where tandem looks for what git does not have.
func hostDirectory(app string) string { return path.Join(project.DefaultAppsDir, app) }

// Todo lists what is left to do on this host, in the order in which it has to be done.
func Todo(app string, needs Needs, host Host) []Step {
	var steps []Step
	dir := path.Join(host.Apps, app)
	add := func(text string, commands ...string) { steps = append(steps, Step{text, commands}) }
	var files []MissingFile
	for _, f := range needs.Files {
		if !host.Has(path.Join(dir, f.Path)) {
			files = append(files, f)
		}
	}
	env := path.Join(dir, ".env")
	var install []string
	if needs.Dotenv && !host.Has(env) {
		install = append(install, "sudo install -m 600 .env "+quote(env))
	}
	var names []string
	if !host.Has(env) {
		for _, u := range needs.Variables {
			names = append(names, u.Name)
		}
	}
	for _, f := range files {
		if f.Beside {
			install = append(install, "sudo install -D -m 600 "+quote(f.Path)+" "+quote(path.Join(dir, f.Path)))
		}
	}
	if (len(install) > 0 || len(names) > 0 || len(files) > 0) && !host.Has(dir) {
		install = slices.Insert(install, 0, "sudo install -d -m 700 "+quote(dir))
	}
	if len(install) > 0 {
		add("Give this host what git does not have:", install...)
	}
	if len(names) > 0 {
		add("Give these variables a value, one NAME=value a line: "+strings.Join(names, ", "), "sudoedit "+quote(env))
	}
	for _, f := range files {
		if !f.Beside {
			target := path.Join(dir, f.Path)
			var make []string
			if parent := path.Dir(target); parent != path.Clean(dir) {
				make = append(make, "sudo install -d -m 700 "+quote(parent))
			}
			add("Write the "+f.Use+":", append(make, "sudoedit "+quote(target))...)
		}
	}
	if len(needs.Allow) > 0 {
		commands := []string{"sudoedit " + quote(host.Agent)}
		if host.Has(host.Agent) {
			commands = append(commands, "sudo systemctl restart tandem")
		}
		add("Let this host allow what the app takes over, for a push alone takes nothing: write policy: {allow: "+flow(needs.Allow)+"}", commands...)
	}
	add("See what runs where, and what is changed for it:", "tandem validate")
	add("Let git have it:", "git add tandem.yaml", `git commit -m "Deploy `+app+` with tandem"`, "git push")
	if !host.Has(host.Agent) {
		add("Tell the agent which repository it looks at; repo.url is enough to begin with:", "sudoedit "+quote(host.Agent), "sudo systemctl enable --now tandem")
	}
	add("See what it does, and which lines Nginx needs:", "tandem status "+app)
	return steps
}

// quote makes a word for a shell.
func quote(text string) string {
	if text != "" && strings.Trim(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./-") == "" {
		return text
	}
	return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
}

// usesOf notes which services use which variables that have no value.
func usesOf(doc map[string]any, env types.Mapping) map[string][]string {
	uses := map[string][]string{}
	visitTexts(doc, nil, func(p []string, text string) {
		if len(p) > 1 && p[0] == "services" {
			for _, name := range unsetNames(text, env) {
				uses[name] = append(uses[name], p[1])
			}
		}
	})
	return uses
}
