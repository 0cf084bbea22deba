package agent

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strings"

	"tandem/internal/config"
	"tandem/reconciler"
	"tandem/reconciler/deploy"
	"tandem/source"
)

// PublishedStatuses reads the statuses from the repository, sorted by app, for
// when no agent can be asked. They are as old as the last push.
func PublishedStatuses(ctx context.Context, cfg config.Config) ([]deploy.Status, error) {
	cache, err := os.MkdirTemp("", "tandem-status-")
	if err != nil {
		return nil, fmt.Errorf("make a cache for the status branch: %w", err)
	}
	defer func() { _ = os.RemoveAll(cache) }() // a leftover in the temporary directory harms nobody
	// A status file is found and read just as a tandem.yaml is.
	repo, err := source.New(source.Options{
		URL: cfg.Repo.URL.Raw(), Branch: cfg.Status.Branch, CacheDir: cache,
		Apps:   []string{cfg.Status.File("*", "*")},
		Auth:   sourceAuth(cfg),
		Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		return nil, err
	}
	rev, err := repo.Poll(ctx)
	if err != nil {
		return nil, err
	}
	var out []deploy.Status
	for _, f := range rev.Files {
		s, err := reconciler.ParseStatus(f.Data)
		if err != nil || s.App == "" {
			continue // another file that lies beside the statuses
		}
		out = append(out, s)
	}
	slices.SortFunc(out, func(a, b deploy.Status) int { return strings.Compare(a.App, b.App) })
	return out, nil
}
