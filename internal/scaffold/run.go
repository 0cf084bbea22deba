package scaffold

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"tandem/internal/lib/atomicfile"
	"tandem/reconciler/appfile"
	"tandem/reconciler/deploy"
)

// FileName is what Run writes.
const FileName = "tandem.yaml"

// Options say what Run does.
type Options struct {
	Dir     string
	Compose []string // the Compose files; empty: found
	DryRun  bool     // print the file, and write nothing
	Dialog  *Dialog  // nil: nobody is asked
	Out     io.Writer
	Host    Host
}

// ErrExists says that a tandem.yaml was there, and nobody was asked whether to replace it.
var ErrExists = errors.New(FileName + " is there already, and was left as it is")

// Run reads the Compose files of a directory, writes a tandem.yaml beside them, and says
// what is left to do.
func Run(ctx context.Context, o Options) error {
	s, err := Read(ctx, o.Dir, o.Compose)
	if err != nil {
		return err
	}
	s.Running = o.Host.look(ctx, s.Dir)
	target := filepath.Join(s.Dir, FileName)
	if _, err := os.Lstat(target); err == nil && !o.DryRun {
		again := false
		if o.Dialog != nil {
			if again, err = o.Dialog.YesNo(ctx, FileName+" is there already. Shall a new one take its place?"); err != nil {
				return err
			}
		}
		if !again {
			return secondRun(o, s, target)
		}
	}
	p, err := o.propose(ctx, s)
	if err != nil {
		return err
	}
	needs := p.Needs(s)
	data := p.Render(s.Files, needs)
	if o.DryRun {
		_, err := o.Out.Write(data)
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := atomicfile.Write(target, data, 0o644); err != nil {
		return fmt.Errorf("write %s: %w", FileName, err)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "Wrote %s for %s. Guessed:\n", FileName, strings.Join(s.Files, " and "))
	p.summary(&b)
	writeTodo(&b, Todo(p.App, needs, o.Host))
	_, err = io.WriteString(o.Out, b.String())
	return err
}

func (o Options) propose(ctx context.Context, s *Source) (*Proposal, error) {
	if o.Dialog == nil {
		return Propose(s, Answers{})
	}
	return o.Dialog.Ask(ctx, s)
}

// secondRun says what is still missing for the tandem.yaml that is there.
func secondRun(o Options, s *Source, target string) error {
	data, err := os.ReadFile(target)
	if err != nil {
		return err
	}
	app, err := appfile.ParseApp(deploy.AppFile{Dir: filepath.Base(s.Dir), Path: FileName, Data: data})
	if app.Name == "" {
		return err // all other faults are what tandem validate is for
	}
	p, err := Propose(s, Answers{})
	if err != nil {
		return err
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s is there already, and was left as it is.\n", FileName)
	writeTodo(&b, Todo(app.Name, p.Needs(s), o.Host))
	if _, err := io.WriteString(o.Out, b.String()); err != nil {
		return err
	}
	if o.Dialog != nil {
		return nil // a person said so
	}
	return ErrExists
}

// summary says what was guessed, a line a decision.
func (p *Proposal) summary(w *strings.Builder) {
	say := func(what, name, why string, doubt bool) {
		mark := ""
		if doubt {
			mark = Look
		}
		if why != "" {
			why = ": " + mark + why
		}
		fmt.Fprintf(w, "  %-10s %s%s\n", what, name, why)
	}
	say("app", p.App, "", false)
	if p.Tag.Name != "" {
		say("tag", p.Tag.Name, p.Tag.Why, p.Tag.Doubt)
	}
	if len(p.Profiles) > 0 {
		say("profiles", strings.Join(p.Profiles, ", "), "without them nothing could be reached", false)
	}
	if p.Build {
		say("build", "true", "there are services without an image", false)
	}
	for _, r := range p.Routes {
		name := r.Service
		if r.Port != 0 {
			name += ":" + itoa(r.Port)
		}
		say("route", name+r.Path, r.Why, r.Doubt)
	}
	for _, group := range []struct {
		what string
		all  []Choice
	}{{"shared", p.Shared}, {"ignore", p.Ignore}, {"singleton", p.Singletons}} {
		for _, c := range group.all {
			say(group.what, c.Name, c.Why, c.Doubt)
		}
	}
	if p.Expand.Name != "" {
		say("migration", p.Expand.Name, p.Expand.Why, p.Expand.Doubt)
	}
	if p.Adopt != "" {
		say("adopt", p.Adopt, "the Compose project that runs from this directory; its database goes on as it is", false)
	}
	for _, r := range p.Routes {
		if r.Upstream != "" {
			say("upstream", r.Upstream, "your Nginx site passes to it, and stays as it is", false)
		}
	}
	for _, v := range p.Volumes {
		say("volume", v.Key+" "+v.Use, v.Why, v.Doubt)
	}
}

func writeTodo(w *strings.Builder, steps []Step) {
	fmt.Fprintf(w, "\nWhat is left to do on this host, in this order:\n")
	for i, step := range steps {
		fmt.Fprintf(w, "%d. %s\n", i+1, step.Text)
		for _, c := range step.Commands {
			fmt.Fprintf(w, "     %s\n", c)
		}
	}
}
