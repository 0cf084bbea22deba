package stage

import (
	"context"
	"fmt"

	"tandem/internal/testbed"
)

// Build makes the image of one release and pushes it. The environment is baked
// into the image, so a tag decides how the release behaves: "BREAK=unhealthy"
// makes a bad one.
func (s *Stage) Build(ctx context.Context, tag string, env ...string) error {
	return s.build(ctx, s.Registry()+"/shop:"+tag, append([]string{"TAG=" + tag}, env...))
}

func (s *Stage) buildStore(ctx context.Context) error {
	return s.build(ctx, s.Registry()+"/shop-store:1", nil)
}

func (s *Stage) build(ctx context.Context, ref string, env []string) error {
	if err := s.Engine.BuildScratch(ctx, testbed.Scratch{Ref: ref, Binary: s.program, Cmd: []string{"api"}, Env: env}); err != nil {
		return err
	}
	s.built[ref] = ref
	if err := s.Engine.Push(ctx, ref, testbed.Login{}); err != nil {
		return err
	}
	// From here on the release is only in the registry, as it would be for a server.
	if err := s.Engine.Remove(ctx, ref); err != nil {
		return fmt.Errorf("take %s off this machine: %w", ref, err)
	}
	return nil
}

// CloseRegistry stops the stage's own registry: from now on there are only the images that are
// on this machine.
func (s *Stage) CloseRegistry(ctx context.Context) error { return s.registry.Stop(ctx) }

// OpenRegistry ends CloseRegistry.
func (s *Stage) OpenRegistry(ctx context.Context) error { return s.registry.Start(ctx) }
