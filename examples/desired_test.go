package examples_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"tandem/compose"
	"tandem/reconciler"
)

// The demo and the end-to-end tests write a tandem.yaml of their own, with free
// ports. This one sees to the file that users copy.
func TestShop_FilesAreAcceptedAsTheyAre(t *testing.T) {
	data, err := os.ReadFile("shop/tandem.yaml")
	if err != nil {
		t.Fatal(err)
	}
	app, err := reconciler.ParseApp(reconciler.AppFile{Dir: "shop", Path: "shop/tandem.yaml", Data: data})
	if err != nil {
		t.Fatal(err)
	}
	if app.Root, err = filepath.Abs("shop"); err != nil {
		t.Fatal(err)
	}
	if len(app.Routes) != 2 || app.Shared == "" || app.Env["REGISTRY"] == "" {
		t.Errorf("routes %v, shared %q, env %v: want two, one, and a registry", app.Routes, app.Shared, app.Env)
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
}
