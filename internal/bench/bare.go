package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/image"
	"github.com/docker/go-connections/nat"

	"tandem/internal/stage"
	"tandem/internal/testbed"
)

// bare takes the time that the engine itself needs for a release: pull, create,
// start, and the first good answer of the health page.
func (b *bench) bare(ctx context.Context, s *stage.Stage, tag string) (_ time.Duration, err error) {
	if err := s.Build(ctx, tag); err != nil {
		return 0, err
	}
	docker, ref := s.Engine.Client, s.Registry()+"/shop:"+tag
	port := fmt.Sprint(s.Ports.WebBlue) // nobody uses it where the app is the api alone

	began := time.Now()
	progress, err := docker.ImagePull(ctx, ref, image.PullOptions{})
	if err != nil {
		return 0, err
	}
	_, err = io.Copy(io.Discard, progress)
	if err := errors.Join(err, progress.Close()); err != nil {
		return 0, err
	}
	made, err := docker.ContainerCreate(ctx,
		&container.Config{Image: ref, Cmd: []string{"api"}, Env: []string{"COLOR=blue"}, ExposedPorts: nat.PortSet{"3000/tcp": {}}},
		&container.HostConfig{
			PortBindings:  nat.PortMap{"3000/tcp": {{HostIP: "127.0.0.1", HostPort: port}}},
			RestartPolicy: container.RestartPolicy{Name: container.RestartPolicyUnlessStopped},
		}, nil, nil, "")
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, s.Engine.RemoveContainer(context.WithoutCancel(ctx), made.ID)) }()
	if err := docker.ContainerStart(ctx, made.ID, container.StartOptions{}); err != nil {
		return 0, err
	}
	if err := healthy(ctx, "http://127.0.0.1:"+port+"/health"); err != nil {
		return 0, err
	}
	return time.Since(began), nil
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
