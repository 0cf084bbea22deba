package tb

import (
	"context"
	"testing"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/network"
	"github.com/docker/docker/api/types/volume"

	"tandem/internal/harness/testbed"
	"tandem/reconciler/deploy"
)

// Foreign names things of the engine that are not an app's own, or only seem to be.
type Foreign struct {
	Container string // runs
	Network   string
	Volume    string
	Shown     string // a volume of the app's blue stack, which shows a directory of this host
}

// ForeignThings makes them, and a harmless volume "data" of the app's shared stack. The
// container is one of the image.
func ForeignThings(t testing.TB, e *testbed.Engine, app deploy.App, image string) Foreign {
	t.Helper()
	ctx, api := t.Context(), e.Client
	of := Foreign{Container: app.Name + "-other", Network: app.Name + "-othernet", Volume: app.Name + "-othervol", Shown: app.Project(deploy.Blue) + "_shown"}
	made, err := api.ContainerCreate(ctx, &container.Config{Image: image}, nil, nil, nil, of.Container)
	must(t, err)
	must(t, api.ContainerStart(ctx, made.ID, container.StartOptions{}))
	_, err = api.NetworkCreate(ctx, of.Network, network.CreateOptions{})
	must(t, err)
	for _, v := range []volume.CreateOptions{
		{Name: of.Volume},
		{Name: of.Shown, Labels: map[string]string{"com.docker.compose.project": app.Project(deploy.Blue)},
			DriverOpts: map[string]string{"type": "none", "o": "bind", "device": "/etc"}},
		{Name: app.SharedProject() + "_data", Labels: map[string]string{"com.docker.compose.project": app.SharedProject()}},
	} {
		_, err := api.VolumeCreate(ctx, v)
		must(t, err)
	}
	t.Cleanup(func() {
		ctx := context.WithoutCancel(ctx)
		check(t, api.ContainerRemove(ctx, of.Container, container.RemoveOptions{Force: true}))
		check(t, api.NetworkRemove(ctx, of.Network))
		check(t, api.VolumeRemove(ctx, of.Volume, false))
	})
	return of
}
