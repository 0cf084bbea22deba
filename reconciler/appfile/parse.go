package appfile

import (
	"fmt"
	"path"
	"regexp"
	"slices"

	"tandem/internal/lib/strictyaml"
	"tandem/reconciler/deploy"
)

// ParseApp reads one tandem.yaml: strictly, with every default filled in, and
// with every fault found at once. The error is Faults in the order of the file.
//
// With an error the App is not to be run, but what could be read of it is there
// (Dir, File, Commit and Tree always, Name if it is usable), so that its status
// can be told.
func ParseApp(file deploy.AppFile) (deploy.App, error) { return ParseAppBeside(file, nil) }

// ParseAppBeside is ParseApp where some ports of the host are the agent's own: each
// with what it is for. A route that wants one is a fault.
func ParseAppBeside(file deploy.AppFile, own map[int]string) (deploy.App, error) {
	app := deploy.App{Dir: file.Dir, File: file.Path, Commit: file.Commit, Tree: file.Tree}
	root, found := read(file)
	if root.IsMapping() {
		p := appParser{app: &app, root: root, found: found, own: own}
		p.all()
	}
	return app, found.faults.Ordered().Err()
}

// faultList collects the faults of one file.
type faultList struct {
	file   string
	faults deploy.Faults
}

func (l *faultList) add(line int, path, text string) {
	l.faults = append(l.faults, deploy.Fault{File: l.file, Line: line, Path: path, Text: text})
}

// read makes a tree of the file, or says why there is none.
func read(file deploy.AppFile) (strictyaml.Node, *faultList) {
	found := &faultList{file: file.Path}
	if file.Data == nil || len(file.Data) > deploy.MaxFileSize {
		found.add(0, "", fmt.Sprintf("the file is larger than %d KiB; a tandem.yaml is a page of text", deploy.MaxFileSize>>10))
		return strictyaml.Node{}, found
	}
	root, _ := strictyaml.Parse(file.Data, found.add)
	return root, found
}

// appParser fills in one App. Each method reads one key and reports what is
// wrong with it; none depends on another having succeeded.
type appParser struct {
	app   *deploy.App
	root  strictyaml.Node
	found *faultList
	own   map[int]string // ports that are the agent's
}

func (p appParser) all() {
	p.root.Mapping("app", "tag", "color", "compose", "profiles", "build", "shared", "ignore", "volumes", "images", "data", "adopt", "env", "secrets", "routes", "gate", "watch",
		"drain", "standby", "singletons", "migrations", "windows", "on_failure")
	p.name()
	p.build()
	p.tag()
	p.color()
	p.files()
	p.placements()
	p.routes()
	p.env()
	p.gate()
	p.watch()
	p.drain()
	p.standby()
	p.services()
	p.windows()
	p.onFailure()
}

func (p appParser) name() {
	n := p.root.Get("app")
	if n.Present() {
		var name string
		switch {
		case !n.Text(&name) || !p.goodName(n, name):
		case name == ownName:
			n.Fault("%s is the name of tandem's own files beside the app's; take another one", name)
		default:
			p.app.Name = name
		}
		return
	}
	name := path.Base(p.app.Dir)
	switch {
	case name == "." || name == "/" || name == "":
		n.Fault("is missing; a tandem.yaml at the repository's root has no directory to take its name from: write app: shop")
	case !deploy.ValidName(name) || name == ownName:
		n.Fault("is missing, and the directory's name %s cannot stand in for it: write app: and a name of %s", quoted(name), nameRule)
	default:
		p.app.Name = name
	}
}

// build reads whether images are built here; then the commit can stand in for the tag.
func (p appParser) build() {
	word := "false"
	strictyaml.OneOf(p.root.Get("build"), &word, "true", "false")
	p.app.Build = word == "true"
}

var tagPattern = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$`)

func (p appParser) tag() {
	n := p.root.Get("tag")
	if !n.Present() && p.app.Build {
		p.app.Tag = p.app.Commit.Tag()
		return
	}
	if !n.Present() {
		n.Fault(`is missing; write the tag of the images to run, such as tag: "1.4.2"; or write build: true to have them built here from the commit`)
	}
	var tag string
	if !n.Text(&tag) {
		return
	}
	if !tagPattern.MatchString(tag) {
		n.Fault("want an image tag (1 to 128 letters, digits, _ . -, not beginning with . or -), got %s", quoted(tag))
		return
	}
	p.app.Tag = tag
}

func (p appParser) color() {
	color := string(deploy.Auto)
	strictyaml.OneOf(p.root.Get("color"), &color, string(deploy.Blue), string(deploy.Green), string(deploy.Auto))
	p.app.Color = deploy.Color(color)
}

func (p appParser) files() {
	compose, shared := p.root.Get("compose"), p.root.Get("shared")
	p.composeFiles(compose)
	if shared.IsList() {
		p.serviceList(shared, &p.app.SharedServices)
	} else {
		p.path(shared, &p.app.Shared)
	}
	if p.app.Shared != "" && slices.Contains(p.app.Compose, p.app.Shared) {
		shared.Fault("%s is the colored stack's file already; name another one, or list the services of it that exist once: shared: [db]", p.app.Shared)
		p.app.Shared = ""
	}
	for _, n := range p.root.Get("secrets").Items() {
		var secret string
		switch {
		case !p.path(n, &secret):
		case slices.Contains(p.app.Secrets, secret):
			n.Fault("%s is listed twice; keep one", secret)
		default:
			p.app.Secrets = append(p.app.Secrets, secret)
		}
	}
}

// composeFiles reads one path, or a list of them.
func (p appParser) composeFiles(n strictyaml.Node) {
	items := []strictyaml.Node{n}
	if n.IsList() {
		items = n.Items()
	}
	for _, item := range items {
		var name string
		switch {
		case !item.Present() || !p.path(item, &name):
		case slices.Contains(p.app.Compose, name):
			item.Fault("%s is listed twice; keep one", name)
		default:
			p.app.Compose = append(p.app.Compose, name)
		}
	}
}

// env takes a value as it is written, quoted or not, as Compose does: 3000 is
// "3000". Values appear in no message, since they may be secret.
func (p appParser) env() {
	env := p.root.Get("env")
	if !env.Mapping() {
		return
	}
	owner := p.app.Reserved()
	p.app.Env = map[string]string{}
	for name, n := range env.Entries() {
		if !deploy.ValidVariable(name) {
			n.Fault("want a variable's name (letters, digits and _, not beginning with a digit)")
			continue
		}
		if from, taken := owner[name]; taken {
			n.Fault("tandem sets %s itself, %s; take another name", name, from)
			continue
		}
		var value string
		if n.Literal(&value) {
			p.app.Env[name] = value
		}
	}
}
