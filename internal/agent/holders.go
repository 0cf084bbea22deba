package agent

import (
	"context"
	"fmt"
	"slices"

	"tandem/internal/lib/listening"
	"tandem/reconciler"
	"tandem/reconciler/deploy"
)

// holders tells who holds ports of this host: containers, which the engine knows, and
// programs, which the kernel knows.
type holders struct {
	publishers func(ctx context.Context, ports []int) (map[int]deploy.Holder, error)
	proc       string // where proc(5) is
	inGit      func(app string) bool
}

var _ reconciler.Holders = holders{}

// Holders implements reconciler.Holders.
func (h holders) Holders(ctx context.Context, ports []int) (map[int]deploy.Holder, error) {
	held, err := h.publishers(ctx, ports)
	if err != nil {
		return nil, err
	}
	for port, by := range held {
		if by.App != "" && !h.inGit(by.App) {
			by.Words += fmt.Sprintf(", of the app %s, which is no longer in the repository (`tandem remove %s` takes it away)", by.App, by.App)
			held[port] = by
		}
	}
	rest := slices.DeleteFunc(slices.Clone(ports), func(port int) bool { _, published := held[port]; return published })
	if len(rest) == 0 {
		return held, nil
	}
	programs, err := listening.On(h.proc, rest)
	if err != nil {
		return nil, err
	}
	for port, p := range programs {
		held[port] = deploy.Holder{Words: p.String()}
	}
	return held, nil
}
