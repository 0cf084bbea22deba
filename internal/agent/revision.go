package agent

import (
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"

	"tandem/reconciler"
	"tandem/reconciler/appfile"
	"tandem/reconciler/deploy"
)

// read turns a revision into what is desired of each app, by its name.
func (a *apps) read(rev deploy.Revision) map[string]reconciler.Desired {
	a.remember()
	list := make([]reconciler.Desired, len(rev.Files))
	for i, file := range rev.Files {
		app, err := appfile.ParseAppBeside(file, a.own)
		if err == nil {
			err = a.chosen(app).Err()
		}
		list[i] = reconciler.Desired{File: file, App: app, Err: err, Withheld: rev.Withheld}
	}
	clashes := appfile.Collisions(a.claims(list), a.origins)
	desired := map[string]reconciler.Desired{}
	var refused []reconciler.Desired
	sameName := map[string][]reconciler.Desired{} // those that are refused the name
	for _, d := range list {
		faults := clashes[d.File.Path]
		switch {
		case d.Err != nil:
			refused = append(refused, d)
		case len(faults) > 0 && faults[0].Path == "app":
			name := d.App.Name
			d.Err, d.App.Name = faults, ""
			sameName[name] = append(sameName[name], d)
			a.log.Warn("app not read", "app", name, "err", faults)
		case len(faults) > 0:
			d.Err, d.App.Name = faults, ""
			refused = append(refused, d)
		default:
			a.accept(d)
			desired[d.App.Name] = d
		}
	}
	// Last, so that a broken file takes no name from an app that can be read.
	for _, d := range refused {
		name := a.nameOf(d)
		if _, taken := desired[name]; taken {
			a.log.Warn("app not read", "app", name, "err", d.Err)
			continue
		}
		desired[name] = d
	}
	for _, name := range slices.Sorted(maps.Keys(sameName)) {
		a.refuse(desired, name, sameName[name])
	}
	a.current = map[string]bool{}
	for name := range desired {
		a.current[name] = true
	}
	return desired
}

// claims are the apps that want a name or ports. An app whose file is broken for now
// keeps its name from all others.
func (a *apps) claims(list []reconciler.Desired) []deploy.App {
	var all []deploy.App
	for _, d := range list {
		if d.Err == nil {
			all = append(all, d.App)
		} else if name, known := a.names[d.File.Dir]; known {
			all = append(all, deploy.App{Name: name, Dir: d.File.Dir, File: d.File.Path})
		}
	}
	a.lookUp(all)
	return all
}

// lookUp asks where an app came from that several files name, and that nothing is
// remembered of.
func (a *apps) lookUp(all []deploy.App) {
	count := map[string]int{}
	for _, app := range all {
		count[app.Name]++
	}
	for name, n := range count {
		if _, known := a.origins[name]; n > 1 && !known {
			if tree := a.seen(name); tree != "" {
				a.origins[name] = appfile.Origin{Tree: tree}
			}
		}
	}
}

// accept notes where an app is taken from, and the ports that its file names.
func (a *apps) accept(d reconciler.Desired) {
	o := appfile.Origin{Dir: d.File.Dir, Tree: a.origins[d.App.Name].Tree}
	for _, r := range d.App.Routes {
		o.Ports = append(o.Ports, r.Ports.Blue, r.Ports.Green, r.Listen)
	}
	maps.DeleteFunc(a.names, func(_, app string) bool { return app == d.App.Name })
	a.origins[d.App.Name], a.names[d.File.Dir] = o, d.App.Name
}

// refuse tells of the files that are refused the name of an app: in the status of that
// app, and, where it goes on from another file, in one of their own.
func (a *apps) refuse(desired map[string]reconciler.Desired, name string, files []reconciler.Desired) {
	var faults deploy.Faults
	for _, d := range files {
		more, _ := deploy.AsFaults(d.Err)
		faults = append(faults, more[0])
	}
	keeper, kept := desired[name]
	if !kept {
		files[0].Err = faults
		desired[name] = files[0]
		return
	}
	keeper.Beside = faults
	desired[name] = keeper
	for _, d := range files {
		own := a.nameOf(d)
		if _, taken := desired[own]; taken {
			own = fitName(d.File.Dir)
		}
		if _, taken := desired[own]; !taken {
			desired[own] = d
		}
	}
}

// nameOf finds the name under which the status of a refused app is published:
// what was read there last, what the file itself says if at least that can be
// read, or the directory's name made fit for one.
func (a *apps) nameOf(d reconciler.Desired) string {
	if name, ok := a.names[d.File.Dir]; ok {
		return name
	}
	if d.App.Name != "" {
		return d.App.Name
	}
	return fitName(path.Base(d.File.Dir))
}

var unfit = regexp.MustCompile(`[^a-z0-9-]+`)

// fitName makes a name for an app of a directory.
func fitName(dir string) string {
	name := unfit.ReplaceAllString(strings.ToLower(dir), "-")
	name = strings.TrimLeft(name, "-0123456789")
	name = strings.TrimRight(name[:min(len(name), 40)], "-")
	if name == "" {
		return "app"
	}
	return name
}
