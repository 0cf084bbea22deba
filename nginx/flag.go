package nginx

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"regexp"

	"tandem/internal/atomicfile"
	"tandem/reconciler"
)

// flagName is the file whose existence makes green live.
func flagName(app string) string { return "live/" + app + ".green" }

// setFlag makes the color live for the very next request.
func (p *Proxy) setFlag(app string, color reconciler.Color) error {
	if _, err := p.makeDirs(); err != nil {
		return err
	}
	name := flagName(app)
	var err error
	switch color {
	case reconciler.Green:
		p.own.note(name, contentOf(nil))
		if _, gone := os.Stat(p.path(name)); gone == nil {
			return nil
		}
		err = atomicfile.Write(p.path(name), nil, 0o644)
	case reconciler.Blue:
		p.own.note(name, content{})
		err = atomicfile.Remove(p.path(name))
	default:
		return fmt.Errorf("flip %s: %q is no color", app, color)
	}
	if err != nil {
		return fmt.Errorf("flip %s: %w", app, err)
	}
	return nil
}

// flagColor is what the flag says.
func (p *Proxy) flagColor(app string) (reconciler.Color, error) {
	_, err := os.Stat(p.path(flagName(app)))
	switch {
	case err == nil:
		return reconciler.Green, nil
	case errors.Is(err, fs.ErrNotExist):
		return reconciler.Blue, nil
	default:
		return reconciler.NoColor, fmt.Errorf("read flag: %w", err)
	}
}

var colorLine = regexp.MustCompile(`(?m)^map '' \$[a-z0-9_]+_color \{ default (blue|green); \}$`)

// heir is the color that newly rendered files must keep live: what the running
// Nginx says, or, while it is away, what it would do when it is started. It also
// tells whether files of reload mode say so, which know no flag.
func (p *Proxy) heir(app string, running answer, asked error) (color reconciler.Color, fromReload bool, err error) {
	if asked == nil {
		return running.color, running.mode == SwitchReload, nil
	}
	data, err := p.readOwn(app + ".conf")
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return reconciler.NoColor, false, err
	}
	if m := colorLine.FindSubmatch(data); m != nil {
		return reconciler.Color(m[1]), true, nil
	}
	color, err = p.flagColor(app)
	return color, false, err
}
