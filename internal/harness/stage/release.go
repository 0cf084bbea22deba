package stage

import (
	"context"

	"tandem/internal/harness/testbed"
)

// Build makes the image of one release in the registry. The environment is baked
// into the image, so a tag decides how the release behaves: "BREAK=unhealthy"
// makes a bad one.
func (s *Stage) Build(ctx context.Context, tag string, env ...string) error {
	return s.build(ctx, s.Registry()+"/shop:"+tag, append([]string{"TAG=" + tag}, env...))
}

func (s *Stage) buildStore(ctx context.Context) error {
	return s.build(ctx, s.Registry()+"/shop-store:1", nil)
}

// build leaves the release in the registry alone, as it would be for a server.
func (s *Stage) build(ctx context.Context, ref string, env []string) error {
	s.built[ref] = ref
	return testbed.ImageBuilder{Ref: ref, Binary: s.program, Cmd: []string{"api"}, Env: env}.Push(ctx)
}

// CloseRegistry stops the stage's own registry: from now on there are only the images that are
// on this machine.
func (s *Stage) CloseRegistry(ctx context.Context) error { return s.registry.Stop(ctx) }

// OpenRegistry ends CloseRegistry.
func (s *Stage) OpenRegistry(ctx context.Context) error { return s.registry.Start(ctx) }
