package compose

import (
	"context"
	"strings"
	"time"

	"github.com/docker/docker/api/types/build"
	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/api/types/image"
	"github.com/docker/go-units"

	"tandem/compose/project"
	"tandem/reconciler/deploy"
)

const (
	// cacheAge is how long what a build leaves behind is kept, for the next one to go on
	// from: the stages of the classic builder, and what BuildKit did not use since.
	cacheAge = 7 * 24 * time.Hour

	// buildAge is how long an image is kept that no container uses and no history names: one
	// of a release that failed before it had a stack.
	buildAge = 30 * 24 * time.Hour

	// pruneEvery is how often that is looked for.
	pruneEvery = time.Hour
)

// pruneBuildCache removes what earlier builds of the app left behind and is older than age.
// It fails nothing: what stays is found the next time. What BuildKit keeps is nobody's in
// particular, and is removed when nobody used it for so long.
func (c *Client) pruneBuildCache(ctx context.Context, app deploy.App, age time.Duration) {
	last, _ := c.cachePruned.Load(app.Name)
	if at, known := last.(time.Time); known && age > 0 && time.Since(at) < pruneEvery {
		return
	}
	c.cachePruned.Store(app.Name, time.Now())
	until := age.String()
	stages := filters.NewArgs(filters.Arg("dangling", "true"), filters.Arg("label", project.LabelBuiltFor+"="+app.Name), filters.Arg("until", until))
	freed := uint64(0)
	report, err := c.engine.ImagesPrune(ctx, stages)
	if err == nil {
		freed = report.SpaceReclaimed
	}
	cache, cacheErr := c.engine.BuildCachePrune(ctx, build.CachePruneOptions{All: true, Filters: filters.NewArgs(filters.Arg("until", max(age, time.Minute).String()))})
	if cacheErr == nil && cache != nil {
		freed += cache.SpaceReclaimed
	}
	c.pruneOldBuilds(ctx, app)
	if err != nil || cacheErr != nil {
		c.log.Debug("what builds left behind was not looked for", "app", app.Name, "images", err, "cache", cacheErr)
	}
	if freed > 0 {
		c.log.Info("what earlier builds left behind was removed", "app", app.Name, "freed", units.BytesSize(float64(freed)))
	}
}

// pruneOldBuilds takes the names of images away that nobody removed with their release.
// Should one be needed once more, it is built again.
func (c *Client) pruneOldBuilds(ctx context.Context, app deploy.App) {
	list, err := c.engine.ImageList(ctx, image.ListOptions{Filters: filters.NewArgs(filters.Arg("label", project.LabelBuiltFor+"="+app.Name))})
	if err != nil {
		c.log.Debug("old builds were not looked for", "app", app.Name, "err", err)
		return
	}
	var old []deploy.Image
	for _, s := range list {
		if time.Since(time.Unix(s.Created, 0)) < buildAge {
			continue
		}
		for _, tag := range s.RepoTags {
			if strings.HasPrefix(tag, app.Name+"-") {
				old = append(old, deploy.Image{Ref: tag, ID: s.ID})
			}
		}
	}
	if len(old) == 0 {
		return
	}
	if _, err := c.RemoveImages(ctx, old); err != nil {
		c.log.Debug("old builds were not removed", "app", app.Name, "err", err)
	}
}
