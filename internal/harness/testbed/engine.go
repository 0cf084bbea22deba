package testbed

import (
	"archive/tar"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/build"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/api/types/image"
	"github.com/docker/docker/api/types/network"
	"github.com/docker/docker/api/types/registry"
	"github.com/docker/docker/api/types/volume"
	"github.com/docker/docker/client"
)

// Engine is the Docker engine of this machine.
type Engine struct {
	Client *client.Client // for everything that Engine has no method for
}

// NewEngine connects to the engine that DOCKER_HOST names, or to the usual
// socket, and fails when it does not answer.
func NewEngine(ctx context.Context) (*Engine, error) {
	c, err := client.NewClientWithOpts(client.FromEnv, client.WithAPIVersionNegotiation())
	if err != nil {
		return nil, fmt.Errorf("connect to docker: %w", err)
	}
	if _, err := c.Ping(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("connect to docker: %w", err), c.Close())
	}
	return &Engine{Client: c}, nil
}

// Close ends the connection; images and containers stay.
func (e *Engine) Close() error { return e.Client.Close() }

// Build builds the Dockerfile in dir with the engine's own builder, which
// takes images it does not have from a registry only.
func (e *Engine) Build(ctx context.Context, ref, dir string) error {
	var files bytes.Buffer
	w := tar.NewWriter(&files)
	if err := errors.Join(w.AddFS(os.DirFS(dir)), w.Close()); err != nil {
		return fmt.Errorf("build %s: %w", ref, err)
	}
	res, err := e.Client.ImageBuild(ctx, &files, build.ImageBuildOptions{
		Tags: []string{ref}, Remove: true, ForceRemove: true,
		// Layers shared with a build of somebody else could be removed by it in the middle of this one.
		NoCache: true,
	})
	if err != nil {
		return fmt.Errorf("build %s: %w", ref, err)
	}
	return Finish("build "+ref, res.Body)
}

// Push pushes an image into the registry that its name begins with.
func (e *Engine) Push(ctx context.Context, ref string, login Login) error {
	auth, err := registry.EncodeAuthConfig(registry.AuthConfig{Username: login.User, Password: login.Password})
	if err != nil {
		return fmt.Errorf("push %s: %w", ref, err)
	}
	progress, err := e.Client.ImagePush(ctx, ref, image.PushOptions{RegistryAuth: auth})
	if err != nil {
		return fmt.Errorf("push %s: %w", ref, err)
	}
	return Finish("push "+ref, progress)
}

// Pull gets an image from the registry that its name begins with.
func (e *Engine) Pull(ctx context.Context, ref string) error {
	progress, err := e.Client.ImagePull(ctx, ref, image.PullOptions{})
	if err != nil {
		return fmt.Errorf("pull %s: %w", ref, err)
	}
	return Finish("pull "+ref, progress)
}

// Remove removes images by name. One that does not exist is no error; one that
// a container uses loses only its name.
func (e *Engine) Remove(ctx context.Context, refs ...string) error {
	var all []error
	for _, ref := range refs {
		_, err := e.Client.ImageRemove(ctx, ref, image.RemoveOptions{Force: true, PruneChildren: true})
		if err != nil && !errdefs.IsNotFound(err) {
			all = append(all, fmt.Errorf("remove image %s: %w", ref, err))
		}
	}
	return errors.Join(all...)
}

// RemoveProject removes every container, network and volume of one Compose
// project. A project that does not exist is no error.
func (e *Engine) RemoveProject(ctx context.Context, project string) error {
	of := filters.NewArgs(filters.Arg("label", "com.docker.compose.project="+project))
	containers, err := e.Client.ContainerList(ctx, container.ListOptions{All: true, Filters: of})
	if err != nil {
		return fmt.Errorf("remove project %s: %w", project, err)
	}
	var all []error
	for _, c := range containers {
		all = append(all, e.RemoveContainer(ctx, c.ID))
	}
	networks, err := e.Client.NetworkList(ctx, network.ListOptions{Filters: of})
	all = append(all, err)
	for _, n := range networks {
		all = append(all, ignoreMissing(e.Client.NetworkRemove(ctx, n.ID)))
	}
	volumes, err := e.Client.VolumeList(ctx, volume.ListOptions{Filters: of})
	all = append(all, err)
	for _, v := range volumes.Volumes {
		all = append(all, ignoreMissing(e.Client.VolumeRemove(ctx, v.Name, true)))
	}
	if err := errors.Join(all...); err != nil {
		return fmt.Errorf("remove project %s: %w", project, err)
	}
	return nil
}

// RemoveContainer kills and removes a container, by id or name, with its
// anonymous volumes, and with its image if that has lost its name. One that
// does not exist is no error.
func (e *Engine) RemoveContainer(ctx context.Context, id string) error {
	c, err := e.Client.ContainerInspect(ctx, id)
	if err != nil {
		return ignoreMissing(err)
	}
	err = ignoreMissing(e.Client.ContainerRemove(ctx, id, container.RemoveOptions{Force: true, RemoveVolumes: true}))
	return errors.Join(err, e.removeUnnamed(ctx, c.Image))
}

// removeUnnamed removes an image that has no name any more: Remove could not
// while a container used it, and nobody would find it again.
func (e *Engine) removeUnnamed(ctx context.Context, id string) error {
	i, err := e.Client.ImageInspect(ctx, id)
	if err != nil || len(i.RepoTags) > 0 {
		return ignoreMissing(err)
	}
	_, err = e.Client.ImageRemove(ctx, id, image.RemoveOptions{PruneChildren: true})
	if errdefs.IsConflict(err) {
		return nil // another container uses it, and will take it along
	}
	return ignoreMissing(err)
}

func ignoreMissing(err error) error {
	if errdefs.IsNotFound(err) {
		return nil
	}
	return err
}

// Finish reads what the engine tells about its progress to the end: the work
// stops when the reader goes away, and an error is only told in there. What was
// being done begins the error.
func Finish(what string, progress io.ReadCloser) (err error) {
	defer func() { err = errors.Join(err, progress.Close()) }()
	dec := json.NewDecoder(progress)
	for {
		var line struct {
			Error string `json:"error"`
		}
		switch err := dec.Decode(&line); {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return fmt.Errorf("%s: %w", what, err)
		case line.Error != "":
			return fmt.Errorf("%s: %s", what, line.Error)
		}
	}
}
