package agent

import (
	"context"
	"slices"

	"tandem/internal/listening"
	"tandem/reconciler"
)

// holders tells who holds ports of this host: containers, which the engine knows, and
// programs, which the kernel knows.
type holders struct {
	publishers func(ctx context.Context, ports []int) (map[int]reconciler.Holder, error)
	proc       string // where proc(5) is
}

var _ reconciler.Holders = holders{}

// Holders implements reconciler.Holders.
func (h holders) Holders(ctx context.Context, ports []int) (map[int]reconciler.Holder, error) {
	held, err := h.publishers(ctx, ports)
	if err != nil {
		return nil, err
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
		held[port] = reconciler.Holder{Words: p.String()}
	}
	return held, nil
}
