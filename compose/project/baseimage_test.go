package project_test

import (
	"path/filepath"
	"testing"

	"github.com/compose-spec/compose-go/v2/types"

	"tandem/compose/project"
)

func TestBaseImage_IsWhatTheStageIsBuiltFrom(t *testing.T) {
	app := shop(t)
	put(t, app, map[string]string{
		"one/Dockerfile":    "FROM postgres:17\nRUN x\n",
		"two/Dockerfile":    "# syntax=docker/dockerfile:1\nARG V=16\nFROM --platform=linux/amd64 node:20 AS build\nFROM ${BASE:-mysql}:8 AS db\nfrom db as last\nCOPY --from=build /a /b\n",
		"two/of/Dockerfile": "FROM scratch\n",
	})
	for _, c := range []struct {
		build *types.BuildConfig
		want  string
	}{
		{nil, ""},
		{&types.BuildConfig{Context: "one"}, "postgres:17"},
		{&types.BuildConfig{Context: "two"}, "mysql:8"},
		{&types.BuildConfig{Context: "two", Target: "build"}, "node:20"},
		{&types.BuildConfig{Context: "two", Dockerfile: "of/Dockerfile"}, "scratch"},
		{&types.BuildConfig{Context: "none"}, ""},
		{&types.BuildConfig{Context: "../.."}, ""},
		{&types.BuildConfig{DockerfileInline: "FROM redis\n"}, "redis"},
	} {
		if c.build != nil && c.build.Context != "" {
			c.build.Context = filepath.Join(app.Root, c.build.Context)
		}
		if got := project.BaseImage(t.Context(), app.Root, c.build); got != c.want {
			t.Errorf("%+v begins with %q, want %q", c.build, got, c.want)
		}
	}
}
