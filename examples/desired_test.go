package examples_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"tandem/compose"
	"tandem/reconciler/appfile"
	"tandem/reconciler/deploy"
)

// The demo and the end-to-end tests write a tandem.yaml of their own, with free
// ports. These see to the files that users copy.
func TestMinimal_FilesAreAcceptedAsTheyAre(t *testing.T) {
	if app := accepted(t, "minimal"); app.Env["REGISTRY"] == "" {
		t.Errorf("env %v: want a registry", app.Env)
	}
}

func TestShop_FilesAreAcceptedAsTheyAre(t *testing.T) {
	app := accepted(t, "shop")
	if len(app.Singletons) != 1 || app.Migrations.Expand == "" {
		t.Errorf("singletons %v, migrations %v: want one, and an expand", app.Singletons, app.Migrations)
	}
}

func accepted(t *testing.T, name string) deploy.App {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(name, "tandem.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	app, err := appfile.ParseApp(deploy.AppFile{Dir: name, Path: name + "/tandem.yaml", Data: data})
	if err != nil {
		t.Fatal(err)
	}
	if app.Root, err = filepath.Abs(name); err != nil {
		t.Fatal(err)
	}
	if len(app.Routes) != 2 || app.Shared == "" && len(app.SharedServices) == 0 {
		t.Errorf("routes %v, shared %q and %q: want two, and some", app.Routes, app.Shared, app.SharedServices)
	}
	c, err := compose.New(compose.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil && !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	})
	release, err := c.Resolve(t.Context(), app)
	if err != nil {
		t.Fatal(err)
	}
	if release.Tag != app.Tag || release.Hash == "" {
		t.Errorf("release %s, want tag %s and a hash", release, app.Tag)
	}
	return app
}
