package compose

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"
	"golang.org/x/sync/errgroup"

	"tandem/reconciler/deploy"
)

// Usage looks at the containers of the stack once. Those that do not run, or are
// gone, count nothing.
func (c *Client) Usage(ctx context.Context, s deploy.Stack) (deploy.Usage, error) {
	if err := c.ready(ctx); err != nil {
		return deploy.Usage{}, err
	}
	each := make([]sample, len(s.Containers))
	group, inner := errgroup.WithContext(ctx)
	group.SetLimit(8)
	for i, ctr := range s.Containers {
		group.Go(func() (err error) {
			each[i], err = c.measure(inner, ctr)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return deploy.Usage{}, err
	}
	return total(each), ctx.Err()
}

// sample is what one container uses; the zero value is one that does not run.
type sample struct {
	name    string
	started time.Time
	memory  int64
	limit   int64 // 0: none of its own
	cpu     time.Duration
}

func (c *Client) measure(ctx context.Context, ctr deploy.Container) (sample, error) {
	info, err := c.engine.ContainerInspect(ctx, ctr.ID)
	if cerrdefs.IsNotFound(err) || (err == nil && !info.State.Running) {
		return sample{}, nil
	}
	if err != nil {
		return sample{}, engineError(ctx, "inspect container "+ctr.Name, err)
	}
	stats, err := c.stats(ctx, ctr)
	if err != nil || stats.Read.IsZero() {
		return sample{}, err // it has ended since
	}
	return sample{
		name: ctr.Name, started: parseTime(info.State.StartedAt), limit: info.HostConfig.Memory,
		memory: inUse(stats.MemoryStats), cpu: time.Duration(stats.CPUStats.CPUUsage.TotalUsage),
	}, nil
}

// stats asks once, and not for a second look a moment later, which is all that
// the engine's usual answer waits for.
func (c *Client) stats(ctx context.Context, ctr deploy.Container) (s container.StatsResponse, err error) {
	res, err := c.engine.ContainerStatsOneShot(ctx, ctr.ID)
	if cerrdefs.IsNotFound(err) {
		return s, nil
	}
	if err != nil {
		return s, engineError(ctx, "ask what "+ctr.Name+" uses", err)
	}
	defer func() { err = errors.Join(err, res.Body.Close()) }()
	if err := json.NewDecoder(res.Body).Decode(&s); err != nil {
		return s, fmt.Errorf("read what %s uses: %w", ctr.Name, err)
	}
	return s, nil
}

// inUse leaves out the file pages that the kernel would give back at once: what
// has read a large file is not large.
func inUse(m container.MemoryStats) int64 {
	inactive, ok := m.Stats["total_inactive_file"] // cgroup v1
	if !ok {
		inactive = m.Stats["inactive_file"] // cgroup v2
	}
	if inactive > m.Usage {
		inactive = m.Usage
	}
	return int64(m.Usage - inactive)
}

func total(each []sample) deploy.Usage {
	var u deploy.Usage
	for _, r := range each {
		if r.name == "" {
			continue
		}
		u.Memory += r.memory
		u.CPU += r.cpu
		if u.Started.IsZero() || r.started.Before(u.Started) {
			u.Started = r.started
		}
		if r.limit > 0 {
			if share := float64(r.memory) / float64(r.limit); u.NearestToLimit == "" || share > u.Share {
				u.NearestToLimit, u.Share = r.name, share
			}
		}
	}
	return u
}
