package compose

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/compose-spec/compose-go/v2/types"
	cerrdefs "github.com/containerd/errdefs"
	"github.com/distribution/reference"
	"github.com/docker/docker/api/types/build"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/api/types/image"
	"github.com/docker/docker/api/types/registry"

	"tandem/compose/project"
	"tandem/reconciler/deploy"
)

const (
	// buildTime is how long the build of one image may take.
	buildTime = 15 * time.Minute

	// buildsAtATime is how many images this host builds at once, for all apps: what is
	// live needs the processors, too.
	buildsAtATime = 2

	// A build gets so much of this host's memory, and gives way to every container that
	// wants a processor: a container has 1024 shares. BuildKit takes no such limits.
	buildMemoryShare = 0.75
	buildCPUShares   = 128
)

// acquire gets every image of the project, by building it or from a registry, and returns
// the digest of each that has one in a registry.
func (c *Client) acquire(ctx context.Context, app deploy.App, files *project.Resolution, p *types.Project, u forcePull, await func(words string)) (map[string]string, error) {
	if builds := files.BuildsOf(p); len(builds) > 0 {
		if err := c.buildAll(ctx, app, builds, await); err != nil {
			return nil, err
		}
	}
	return c.pull(ctx, p, u)
}

// buildAll builds what is not here yet. The images get their names when all of them are
// here, so that a release whose build fails leaves no name behind.
func (c *Client) buildAll(ctx context.Context, app deploy.App, builds []project.Build, await func(words string)) error {
	if err := c.ready(ctx); err != nil {
		return err
	}
	ids := map[string]string{} // name -> id
	for _, b := range builds {
		named, id, err := c.builtImage(ctx, app, b)
		if err != nil {
			return err
		}
		if id == "" {
			if await != nil {
				await("builds the image of " + b.Service)
			}
			if id, err = c.buildOne(ctx, app, b); err != nil {
				return err
			}
		}
		if !named {
			ids[b.Image] = id
		}
	}
	for _, b := range builds {
		id, wanted := ids[b.Image]
		if !wanted {
			continue
		}
		if err := c.engine.ImageTag(ctx, id, b.Image); cerrdefs.IsNotFound(err) {
			return imageGone(err)
		} else if err != nil {
			return engineError(ctx, "name the image "+b.Image, err)
		}
	}
	return nil
}

// builtImage looks for an image that was made of the same input: under its name, which
// then is its own, or under the name that an earlier release gave it. Only names are
// relied on that tandem alone gives: an image from a registry may carry any label.
func (c *Client) builtImage(ctx context.Context, app deploy.App, b project.Build) (named bool, id string, err error) {
	made := func(labels map[string]string) bool {
		return labels[project.LabelBuild] == b.Input && labels[project.LabelBuiltFor] == app.Name
	}
	local, err := c.engine.ImageInspect(ctx, b.Image)
	switch {
	case err == nil && local.Config != nil && made(local.Config.Labels):
		return true, local.ID, nil
	case err != nil && !cerrdefs.IsNotFound(err):
		return false, "", engineError(ctx, "look for image "+b.Image, err)
	}
	ref, err := reference.ParseNormalizedNamed(b.Image)
	if err != nil {
		return false, "", fmt.Errorf("read image name %q: %w", b.Image, err)
	}
	list, err := c.engine.ImageList(ctx, image.ListOptions{Filters: filters.NewArgs(
		filters.Arg("reference", reference.FamiliarName(ref)), filters.Arg("label", project.LabelBuild+"="+b.Input),
	)})
	if err != nil {
		return false, "", engineError(ctx, "look for images of "+b.Service, err)
	}
	for _, s := range list {
		if made(s.Labels) && slices.ContainsFunc(s.RepoTags, inRepository(ref)) {
			return false, s.ID, nil
		}
	}
	return false, "", nil
}

// buildOne builds one image and returns its id. What is wrong with the Dockerfile, or with
// what it runs, is a *deploy.RejectError with the last lines of the build.
func (c *Client) buildOne(ctx context.Context, app deploy.App, b project.Build) (string, error) {
	if err := c.builds.Acquire(ctx, 1); err != nil {
		return "", err
	}
	defer c.builds.Release(1)
	if err := c.roomForBuild(ctx, app, b); err != nil {
		return "", err
	}
	limited, cancel := context.WithTimeout(ctx, c.buildTime)
	defer cancel()
	start := time.Now()
	out := &buildOutput{log: &tail{max: maxLogs, hide: c.hide}}
	c.log.Info("image build starts", "app", app.Name, "service", b.Service, "image", b.Image)
	err := c.runBuild(limited, app, b, out)
	if layerGone(err) {
		out = &buildOutput{log: &tail{max: maxLogs, hide: c.hide}}
		err = c.runBuild(limited, app, b, out)
	}
	if err == nil && out.id == "" {
		err = errors.New("the engine does not say which image it built")
	}
	switch {
	case err == nil:
	case ctx.Err() != nil:
		return "", ctx.Err()
	case limited.Err() != nil:
		return "", out.reject("building %s took longer than %s, and was stopped", b.Service, c.buildTime)
	default:
		return "", c.buildError(ctx, b, out, err)
	}
	c.log.Info("image built", "app", app.Name, "service", b.Service, "image", b.Image, "took", time.Since(start))
	return out.id, nil
}

// layerGone tells whether the classic builder lost the layer that it was about to build upon:
// somebody removed images at that moment, and the next build begins further down.
func layerGone(err error) bool { return err != nil && mentions(err, `unable to find image "sha256:`) }

// roomForBuild makes sure that the disk has room, if need be by giving back what earlier
// builds left behind.
func (c *Client) roomForBuild(ctx context.Context, app deploy.App, b project.Build) error {
	age := cacheAge
	full := c.checkDiskSpace(ctx, "build "+b.Service)
	if full != nil {
		age = 0
	}
	c.pruneBuildCache(ctx, app, age)
	if full == nil {
		return nil
	}
	return c.checkDiskSpace(ctx, "build "+b.Service)
}

// runBuild hands one build to the engine, and reads what comes of it.
func (c *Client) runBuild(ctx context.Context, app deploy.App, b project.Build, out *buildOutput) (err error) {
	from, err := project.OpenContext(ctx, app, b)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, from.Close()) }()
	file, err := parseDockerfile(from.Dockerfile)
	if err != nil {
		return err
	}
	kit, err := c.needsBuildKit(ctx, file, b)
	if err != nil {
		return err
	}
	o := buildOptions(app, b)
	if kit {
		end, err := c.openSession(ctx, &o, from, b, app.Root)
		if err != nil {
			return err
		}
		defer end()
		return c.requestBuild(ctx, nil, o, out)
	}
	if err := c.limitBuild(ctx, &o); err != nil {
		return err
	}
	a := archive{from: from}
	o.Dockerfile, a.more = from.WithDockerfile(file.labelled(project.LabelBuiltFor, app.Name))
	r, w := io.Pipe()
	packed := make(chan error, 1)
	go func() {
		err := a.write(ctx, w)
		_ = w.CloseWithError(err) // always nil
		packed <- err
	}()
	err = c.requestBuild(ctx, r, o, out)
	_ = r.Close() // always nil; the engine may have read no more
	if packing := <-packed; packing != nil && err != nil && !errors.Is(packing, io.ErrClosedPipe) {
		return packing // of which the engine knows only that there was no more
	}
	return err
}

func (c *Client) requestBuild(ctx context.Context, files io.Reader, o build.ImageBuildOptions, out *buildOutput) error {
	res, err := c.engine.ImageBuild(ctx, files, o)
	if err != nil {
		return err
	}
	return errors.Join(out.read(res.Body), res.Body.Close())
}

// buildOptions are what both builders take.
func buildOptions(app deploy.App, b project.Build) build.ImageBuildOptions {
	labels := map[string]string{}
	for key, value := range b.Config.Labels {
		labels[key] = value
	}
	labels[project.LabelBuild], labels[project.LabelBuiltFor] = b.Input, app.Name
	o := build.ImageBuildOptions{
		BuildArgs: b.Config.Args, Target: b.Config.Target, Labels: labels, ExtraHosts: b.Config.ExtraHosts.AsList(":"),
		NetworkMode: b.Config.Network, ShmSize: int64(b.Config.ShmSize), PullParent: b.Config.Pull,
		NoCache: b.Config.NoCache || len(b.Config.NoCacheFilter) > 0,
		Remove:  true, ForceRemove: true, Version: build.BuilderV1,
	}
	for name, u := range b.Config.Ulimits {
		limit := &container.Ulimit{Name: name, Soft: int64(u.Single), Hard: int64(u.Single)}
		if u.Single == 0 {
			limit.Soft, limit.Hard = int64(u.Soft), int64(u.Hard)
		}
		o.Ulimits = append(o.Ulimits, limit)
	}
	return o
}

// limitBuild gives the classic builder its limits, and the credentials for base images.
func (c *Client) limitBuild(ctx context.Context, o *build.ImageBuildOptions) error {
	info, err := c.engine.Info(ctx)
	if err != nil {
		return engineError(ctx, "ask how much memory there is", err)
	}
	o.Memory, o.CPUShares = int64(float64(info.MemTotal)*buildMemoryShare), buildCPUShares
	o.MemorySwap = o.Memory // no swap besides, which what is live would wait for
	if !info.MemoryLimit || !info.SwapLimit {
		o.MemorySwap = 0
	}
	if !info.MemoryLimit {
		o.Memory = 0
	}
	if !info.CPUShares {
		o.CPUShares = 0
	}
	file, err := c.dockerConfig()
	if err != nil {
		return &deploy.TemporaryError{Reason: deploy.PullFailed, Err: err}
	}
	all, err := file.GetAllCredentials()
	if err != nil {
		return &deploy.TemporaryError{Reason: deploy.PullFailed, Err: fmt.Errorf("ask for the credentials of base images: %w", err)}
	}
	o.AuthConfigs = map[string]registry.AuthConfig{}
	for host, auth := range all {
		o.AuthConfigs[host] = registry.AuthConfig{
			Username: auth.Username, Password: auth.Password, Auth: auth.Auth,
			ServerAddress: auth.ServerAddress, IdentityToken: auth.IdentityToken, RegistryToken: auth.RegistryToken,
		}
	}
	return nil
}
