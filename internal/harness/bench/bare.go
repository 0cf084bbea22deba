package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/go-connections/nat"

	"tandem/internal/harness/stage"
	"tandem/internal/harness/testbed"
)

// bare takes the time that the engine itself needs for a release: pull, create,
// start, and the first good answer of the health page; and then the time that it needs
// to stop and remove a container, as one is that a release replaces. The container is a
// copy of the one that tandem made, with its networks.
func (b *bench) bare(ctx context.Context, s *stage.Stage, tag string) (release, removal time.Duration, err error) {
	if err := s.Build(ctx, tag); err != nil {
		return 0, 0, err
	}
	docker, ref := s.Engine.Client, s.Registry()+"/shop:"+tag
	port := fmt.Sprint(s.Ports.WebBlue) // nobody uses it where the app is the api alone
	like, err := docker.ContainerInspect(ctx, s.App+"-green-api-1")
	if err != nil {
		return 0, 0, err
	}
	config, host := *like.Config, *like.HostConfig
	config.Image, config.Labels, config.Hostname = ref, nil, "" // with the labels it would be one of the agent's
	host.PortBindings = nat.PortMap{"3000/tcp": {{HostIP: "127.0.0.1", HostPort: port}}}
	networks := slices.Sorted(maps.Keys(like.NetworkSettings.Networks))

	began := time.Now()
	if err := s.Engine.Pull(ctx, ref); err != nil {
		return 0, 0, err
	}
	made, err := docker.ContainerCreate(ctx, &config, &host, nil, nil, "")
	if err != nil {
		return 0, 0, err
	}
	defer func() { err = errors.Join(err, s.Engine.RemoveContainer(context.WithoutCancel(ctx), made.ID)) }()
	for _, name := range networks {
		if name == string(host.NetworkMode) {
			continue // it is in that one already
		}
		if err := docker.NetworkConnect(ctx, name, made.ID, nil); err != nil {
			return 0, 0, err
		}
	}
	if err := docker.ContainerStart(ctx, made.ID, container.StartOptions{}); err != nil {
		return 0, 0, err
	}
	if err := healthy(ctx, "http://127.0.0.1:"+port+"/health"); err != nil {
		return 0, 0, err
	}
	release = time.Since(began)
	began = time.Now()
	if err := docker.ContainerStop(ctx, made.ID, container.StopOptions{}); err != nil {
		return 0, 0, err
	}
	if err := docker.ContainerRemove(ctx, made.ID, container.RemoveOptions{}); err != nil {
		return 0, 0, err
	}
	return release, time.Since(began), nil
}

// healthy waits for a good answer.
func healthy(ctx context.Context, url string) error {
	ctx, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	return testbed.Until(ctx, url, func() error {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		if err != nil {
			return err
		}
		res, err := client.Do(req)
		if err != nil {
			return err
		}
		if res.StatusCode != http.StatusOK {
			err = errors.New(res.Status)
		}
		return errors.Join(err, res.Body.Close())
	})
}
