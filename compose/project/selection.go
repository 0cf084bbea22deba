package project

import (
	"fmt"
	"slices"

	"github.com/compose-spec/compose-go/v2/types"

	"tandem/reconciler/deploy"
)

func kinds() []deploy.MigrationKind {
	return []deploy.MigrationKind{deploy.ExpandMigration, deploy.ContractMigration}
}

// migrationsOf names the services that are migrations.
func migrationsOf(app deploy.App) []string {
	var names []string
	for _, kind := range kinds() {
		if name := app.Migrations.Of(kind); name != "" {
			names = append(names, name)
		}
	}
	return names
}

// splitMigrations takes the migrations out of the stacks and gives each a project of
// its own.
func (r *Resolution) splitMigrations(app deploy.App) error {
	r.Migrations = map[deploy.MigrationKind]map[deploy.Color]*types.Project{}
	for _, kind := range kinds() {
		name := app.Migrations.Of(kind)
		if name == "" {
			continue
		}
		r.Migrations[kind] = map[deploy.Color]*types.Project{}
		for color, p := range r.Colored {
			single, err := singleService(p, name)
			if err != nil {
				return err
			}
			r.Migrations[kind][color] = single
		}
	}
	for color, p := range r.Colored {
		// What waits for the expand migration waits no more: it has ended well when
		// the stack is started.
		r.Colored[color] = p.WithServicesDisabled(migrationsOf(app)...).WithoutUnnecessaryResources()
	}
	return nil
}

// singleService is the project with one service, as "docker compose run" would have it:
// it waits for no other, publishes no port, and ends for good.
func singleService(p *types.Project, name string) (*types.Project, error) {
	p, err := p.WithSelectedServices([]string{name}, types.IgnoreDependencies)
	if err != nil {
		return nil, fmt.Errorf("find service %s: %w", name, err)
	}
	s := p.Services[name]
	one := 1
	s.DependsOn, s.Ports, s.ContainerName, s.Restart, s.Scale = nil, nil, "", types.RestartPolicyNo, &one
	if s.Deploy != nil {
		s.Deploy.RestartPolicy, s.Deploy.Replicas = nil, nil
	}
	p.Services = types.Services{name: s}
	return p.WithoutUnnecessaryResources(), nil
}

// WithoutSingletons is the part of a stack that runs in both colors.
func WithoutSingletons(p *types.Project, app deploy.App) *types.Project {
	return p.WithServicesDisabled(app.Singletons...)
}

// OnlySingletons is the part of a stack that runs in the live color. What a singleton needs of the stack runs
// already, so that it waits for other singletons only.
func OnlySingletons(p *types.Project, app deploy.App) (*types.Project, error) {
	p, err := p.WithSelectedServices(app.Singletons, types.IgnoreDependencies)
	if err != nil {
		return nil, fmt.Errorf("find the singletons of %s: %w", app.Name, err)
	}
	return p, nil
}

// SingletonsWithNeeds is OnlySingletons with the services that they depend on, or share a
// namespace with: Compose looks for those when it creates a container.
func SingletonsWithNeeds(p *types.Project, app deploy.App) (*types.Project, error) {
	p, err := p.WithSelectedServices(app.Singletons)
	if err != nil {
		return nil, fmt.Errorf("find what the singletons of %s need: %w", app.Name, err)
	}
	return p, nil
}

func isSingleton(app deploy.App, service string) bool {
	return slices.Contains(app.Singletons, service)
}

func isMigration(app deploy.App, service string) bool {
	return slices.Contains(migrationsOf(app), service)
}
