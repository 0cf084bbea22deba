package demo

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/network"
	"github.com/docker/docker/api/types/volume"

	"tandem/internal/harness/testbed"
)

// claimName finds a name for the app that nothing in Docker begins with and no
// other demo has claimed: a user's own shop must not be touched.
func claimName(ctx context.Context) (name string, release func() error, err error) {
	engine, err := testbed.NewEngine(ctx)
	if err != nil {
		return "", nil, err
	}
	defer func() { err = errors.Join(err, engine.Close()) }()
	taken, err := namesInDocker(ctx, engine)
	if err != nil {
		return "", nil, err
	}
	for i := 1; i < 100; i++ {
		name := "shop"
		if i > 1 {
			name = fmt.Sprintf("shop%d", i)
		}
		if isTaken(name, taken) {
			continue
		}
		// An abstract socket is a lock that leaves no file and ends with the process.
		claim, err := net.Listen("unix", "@tandem-demo-"+name)
		if err != nil {
			continue
		}
		return name, claim.Close, nil
	}
	return "", nil, errors.New("find a name for the app: shop to shop99 are all taken; `docker ps --all` shows by whom")
}

// isTaken tells whether something has the name, or a Compose project of the app.
func isTaken(name string, taken []string) bool {
	for _, t := range taken {
		if t == name || strings.HasPrefix(t, name+"-") || strings.HasPrefix(t, name+"_") {
			return true
		}
	}
	return false
}

func namesInDocker(ctx context.Context, engine *testbed.Engine) ([]string, error) {
	containers, err1 := engine.Client.ContainerList(ctx, container.ListOptions{All: true})
	networks, err2 := engine.Client.NetworkList(ctx, network.ListOptions{})
	volumes, err3 := engine.Client.VolumeList(ctx, volume.ListOptions{})
	if err := errors.Join(err1, err2, err3); err != nil {
		return nil, fmt.Errorf("list names in docker: %w", err)
	}
	var names []string
	for _, c := range containers {
		names = append(names, c.Labels[projectLabel])
		for _, n := range c.Names {
			names = append(names, strings.TrimPrefix(n, "/"))
		}
	}
	for _, n := range networks {
		names = append(names, n.Name, n.Labels[projectLabel])
	}
	for _, v := range volumes.Volumes {
		names = append(names, v.Name, v.Labels[projectLabel])
	}
	return names, nil
}
