package nginx

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"regexp"

	"tandem/internal/lib/atomicfile"
	"tandem/reconciler/deploy"
)

// flagName is the file whose existence makes green live.
func flagName(app string) string { return "live/" + app + ".green" }

// backupName is the file whose existence makes the standby a backup.
func backupName(app string) string { return "live/" + app + ".backup" }

// setFlag makes the color live for the very next request.
func (p *Proxy) setFlag(app string, color deploy.Color) error {
	if !color.Valid() {
		return fmt.Errorf("flip %s: %q is no color", app, color)
	}
	if err := p.writeFlag(flagName(app), color == deploy.Green); err != nil {
		return fmt.Errorf("flip %s: %w", app, err)
	}
	return nil
}

// writeFlag creates a flag, or removes it, at once.
func (p *Proxy) writeFlag(name string, up bool) error {
	if _, err := p.makeDirs(); err != nil {
		return err
	}
	if !up {
		p.own.note(name, content{})
		return atomicfile.Remove(p.path(name))
	}
	p.own.note(name, contentOf(nil))
	if _, missing := os.Stat(p.path(name)); missing == nil {
		return nil
	}
	return atomicfile.Write(p.path(name), nil, 0o644)
}

// flagColor is what the flag says.
func (p *Proxy) flagColor(app string) (deploy.Color, error) {
	_, err := os.Stat(p.path(flagName(app)))
	switch {
	case err == nil:
		return deploy.Green, nil
	case errors.Is(err, fs.ErrNotExist):
		return deploy.Blue, nil
	default:
		return deploy.NoColor, fmt.Errorf("read flag: %w", err)
	}
}

var colorLine = regexp.MustCompile(`(?m)^map '' \$[a-z0-9_]+_color \{ default (blue|green); \}$`)

// currentColor is the color that newly rendered files must keep live: what the running
// Nginx says, or, while it is away, what it would do when it is started. It also
// tells whether files of reload mode say so, which know no flag.
func (p *Proxy) currentColor(app string, running answer, asked error) (color deploy.Color, fromReload bool, err error) {
	if asked == nil {
		return running.color, running.mode == SwitchReload, nil
	}
	data, err := p.readOwn(app + confFile)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return deploy.NoColor, false, err
	}
	if m := colorLine.FindSubmatch(data); m != nil {
		return deploy.Color(m[1]), true, nil
	}
	color, err = p.flagColor(app)
	return color, false, err
}
