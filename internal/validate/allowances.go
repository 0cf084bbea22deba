package validate

import (
	"context"
	"regexp"
	"slices"
	"strconv"

	"tandem/compose/project"
	"tandem/reconciler/deploy"
)

// What a file may ask of the server is the server's to say, in its agent.yaml. A machine
// without one, such as that of a CI job, does not know it. There the files are judged as if
// the server allowed what they need, and each entry that its policy.allow has to list is
// told.

// allowance is the entry that a fault's advice names.
var allowance = regexp.MustCompile(`policy\.allow list ("(?:[^"\\]|\\.)*")`)

// load reads an app's files. The notes are of what was taken to be allowed.
func (o Options) load(ctx context.Context, app deploy.App) (*project.Resolution, []deploy.Note, error) {
	allowed := slices.Clone(o.Policy)
	var notes []deploy.Note
	for {
		loader, err := o.loader(allowed)
		if err != nil {
			return nil, nil, err
		}
		r, err := loader.Load(ctx, app)
		faults, refused := deploy.AsFaults(err)
		if !refused || o.PolicyKnown {
			return r, notes, err
		}
		more := 0
		for _, f := range faults {
			m := allowance.FindStringSubmatch(f.Text)
			if m == nil {
				continue
			}
			entry, err := strconv.Unquote(m[1])
			if err != nil || slices.Contains(o.Policy, entry) {
				continue
			}
			note := deploy.Note(f)
			note.Text += "; taken to be allowed here, where no agent's file says it"
			if !slices.Contains(notes, note) {
				notes = append(notes, note)
			}
			if !slices.Contains(allowed, entry) {
				allowed = append(allowed, entry)
				more++
			}
		}
		// Each round allows something more of what is written in the files.
		if more == 0 {
			return nil, nil, err
		}
		if _, err := o.loader(allowed); err != nil {
			return nil, nil, faults // what no policy can name
		}
	}
}
