package agent

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"tandem/internal/lib/overlay"
	"tandem/reconciler/appfile"
	"tandem/reconciler/deploy"
)

// remembered is where an app came from, as an agent before this one wrote it down.
type remembered struct {
	app    string
	origin appfile.Origin
	saved  time.Time
}

// readOrigin reads the memories of all apps, the newest last. What cannot be read is not
// known; the app's runner tells of it.
func readOrigin(state string) []remembered {
	files, _ := filepath.Glob(memoryFile(state, "*")) // the pattern is a good one
	var all []remembered
	for _, path := range files {
		info, err := os.Stat(path)
		if err != nil {
			continue
		}
		data, err := os.ReadFile(path)
		if err != nil {
			continue
		}
		m, err := deploy.DecodeMemory(data)
		if err != nil || m.Dir == "" && m.Live.Root == "" {
			continue
		}
		o := appfile.Origin{Dir: m.Dir}
		if m.Live.Root != "" {
			o.Tree = overlay.Base(filepath.Base(m.Live.Root)) // see App.Root
		}
		all = append(all, remembered{strings.TrimSuffix(filepath.Base(path), filepath.Ext(path)), o, info.ModTime()})
	}
	slices.SortStableFunc(all, func(a, b remembered) int { return a.saved.Compare(b.saved) })
	return all
}

// remember takes over what was remembered, once in the life of the process.
func (a *apps) remember() {
	if a.origins != nil {
		return
	}
	a.origins = map[string]appfile.Origin{}
	for _, r := range a.restoreOrigin() {
		a.origins[r.app] = r.origin
		if r.origin.Dir != "" {
			a.names[r.origin.Dir] = r.app
		}
	}
}

// liveTree finds out which tree the live stack of an app was made from, for an agent
// that lost its memory: Nginx says which color is live, and the containers say the rest.
func (a *Agent) liveTree(app string) string {
	ctx, cancel := context.WithTimeout(context.Background(), learnTime)
	defer cancel()
	color, err := a.proxy.Live(ctx, deploy.App{Name: app})
	if err != nil {
		return ""
	}
	stacks, err := a.stacks.Observe(ctx, deploy.App{Name: app})
	if err != nil {
		return ""
	}
	for _, s := range stacks {
		if s.Color == color && s.Root != "" {
			return overlay.Base(filepath.Base(s.Root))
		}
	}
	return ""
}
