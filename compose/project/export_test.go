package project

import (
	"context"

	"github.com/compose-spec/compose-go/v2/types"

	"tandem/compose/project/composefile"
	"tandem/reconciler/deploy"
)

// ResolveColors resolves the colored stack's file, and checks nothing.
func ResolveColors(ctx context.Context, app deploy.App) (map[deploy.Color]*types.Project, error) {
	stack, err := composefile.OpenStack(app, composefile.SecretRefs{})
	if err != nil {
		return nil, err
	}
	return resolveColors(ctx, stack)
}
