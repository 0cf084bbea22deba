package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"

	"github.com/docker/docker/api/types/network"

	"tandem/examples"
	"tandem/internal/harness/testbed"
)

// ground is what fleets share: one small image, which is on this machine already,
// and one network, because the engine's own address pools are good for about thirty.
type fixture struct {
	name   string // of the image, the network, and before the name of each app
	engine *testbed.Engine
}

// groundTag is the release that all apps of a fleet have.
const groundTag = "1.0.0"

func newGround(ctx context.Context, of string) (_ *fixture, err error) {
	// Short: Nginx has variables with the names of the apps in them, and bounds those.
	g := &fixture{name: fmt.Sprintf("%s-%06x", of, rand.N(1<<24))}
	if g.engine, err = testbed.NewEngine(ctx); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, g.Close(context.WithoutCancel(ctx)))
		}
	}()
	program, err := testbed.GoSource(ctx, "shop", examples.Source())
	if err != nil {
		return nil, err
	}
	image := testbed.ImageBuilder{Ref: g.name + ":" + groundTag, Binary: program, Cmd: []string{"api"}, Env: []string{"TAG=" + groundTag}}
	if err := g.engine.BuildScratch(ctx, image); err != nil {
		return nil, err
	}
	_, err = g.engine.Client.NetworkCreate(ctx, g.name, network.CreateOptions{})
	return g, err
}

// Close removes the image and the network; the fleets must be gone.
func (g *fixture) Close(ctx context.Context) error {
	err := g.engine.Client.NetworkRemove(ctx, g.name)
	return errors.Join(err, g.engine.Remove(ctx, g.name+":"+groundTag), g.engine.Close())
}
