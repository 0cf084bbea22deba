package project_test

import (
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"tandem/compose/project"
	"tandem/reconciler/deploy"
)

// everything is an app whose files use most of what a stack may: anchors, an
// extended file, an environment file, mounts, configs, secrets, networks.
func everything() map[string]string {
	return map[string]string{
		"docker-compose.yml": `
version: "3.8"
include: [parts/extra.yaml]
x-common: &common
  restart: unless-stopped
  logging: {driver: json-file}
services:
  api:
    <<: *common
    image: myapp:${TAG:-latest}
    ports: ["${API_PORT:-3001}:3000"]
    env_file: [settings.env]
    environment: {COLOR: "${COLOR}", FROM_DOTENV: "${DOTENV}", MODE: "${MODE:-plain}"}
    healthcheck: {test: ["CMD", "curl", "-f", "http://localhost:3000/health"], interval: 10s}
    volumes: ["./conf:/etc/app:ro", "/app/node_modules"]
    tmpfs: [/tmp]
    configs: [motd]
    secrets: [key]
    depends_on: {migrate: {condition: service_completed_successfully}}
  worker:
    extends: {file: base.yaml, service: worker}
    networks: [default, outside]
    scale: 2
  migrate:
    image: myapp:${TAG}
  debug:
    image: debug:1
    profiles: [debug]
    ports: ["9229:9229"]
networks:
  outside: {name: elsewhere, external: true}
configs: {motd: {file: motd.txt}}
secrets: {key: {file: key.txt}}
`,
		"base.yaml":            "services: {worker: {image: 'myapp:${TAG}', command: [work]}}\n",
		".env":                 "DOTENV=one\n",
		"parts/extra.yaml":     "services: {extra: {image: 'extra:${TAG}', volumes: ['./extra.conf:/c']}}\n",
		"parts/extra.conf":     "e\n",
		"settings.env":         "LEVEL=info\n",
		"conf/app.conf":        "size = 1\n",
		"conf/sub/more.conf":   "more = 1\n",
		"motd.txt":             "hello\n",
		"key.txt":              "k\n",
		"README.md":            "read me\n",
		"tandem.yaml":          "app: shop\n",
		"compose.shared.yaml":  "services: {db: {image: 'postgres:16', volumes: ['data:/d'], ports: ['5432:5432']}}\nvolumes: {data: }\n",
		"unused/of/nobody.txt": "x\n",
	}
}

func resolved(t *testing.T, app deploy.App) deploy.Release {
	t.Helper()
	loader := newLoader(t, project.LoaderOptions{Policy: []string{"external:elsewhere"}})
	release, err := loader.Resolve(t.Context(), app)
	if err != nil {
		t.Fatal(err)
	}
	return release
}

func TestResolve_SameContentInAnotherDirectoryIsTheSameRelease(t *testing.T) {
	first, second := shop(t), shop(t)
	put(t, first, everything())
	put(t, second, everything())
	second.Commit = deploy.Commit{Hash: "another"}
	a, b := resolved(t, first), resolved(t, second)
	if a != b {
		t.Errorf("two copies give %s and %s, want the same release", a, b)
	}
	if a.Tag != "1.4.2" || !regexp.MustCompile(`^[0-9a-f]{64}$`).MatchString(a.Hash) {
		t.Errorf("release %+v: want the tag and a sha256", a)
	}
}

func TestResolve_WhatChangesTheReleaseAndWhatDoesNot(t *testing.T) {
	base := shop(t)
	base.Shared = "compose.shared.yaml"
	put(t, base, everything())
	before := resolved(t, base)
	edit := func(name, old, new string) func(*deploy.App, map[string]string) {
		return func(_ *deploy.App, files map[string]string) {
			changed := regexp.MustCompile(regexp.QuoteMeta(old)).ReplaceAllLiteralString(files[name], new)
			if changed == files[name] {
				panic(name + " has no " + old)
			}
			files[name] = changed
		}
	}
	cases := map[string]struct {
		change func(*deploy.App, map[string]string)
		same   bool
	}{
		"another file":                  {edit("README.md", "read", "write"), true},
		"tandem.yaml":                   {edit("tandem.yaml", "shop", "shop # the shop"), true},
		"the shared stack":              {edit("compose.shared.yaml", "16", "17"), true},
		"a comment":                     {edit("docker-compose.yml", "services:", "services: # all"), true},
		"an inactive profile":           {edit("docker-compose.yml", "debug:1", "debug:2"), true},
		"the watch":                     {func(a *deploy.App, _ map[string]string) { a.Watch.MinRequests = 9 }, true},
		"an unused variable":            {func(a *deploy.App, _ map[string]string) { a.Env = map[string]string{"OTHER": "x"} }, true},
		"the desired color":             {func(a *deploy.App, _ map[string]string) { a.Color = deploy.Green }, true},
		"the tag":                       {func(a *deploy.App, _ map[string]string) { a.Tag = "1.4.3" }, false},
		"a variable":                    {func(a *deploy.App, _ map[string]string) { a.Env = map[string]string{"MODE": "fast"} }, false},
		"a port of blue":                {func(a *deploy.App, _ map[string]string) { a.Routes[0].Ports.Blue = 3003 }, false},
		"a port of green":               {func(a *deploy.App, _ map[string]string) { a.Routes[0].Ports.Green = 3003 }, false},
		"a command":                     {edit("base.yaml", "work]", "work, hard]"), false},
		"the .env file":                 {edit(".env", "one", "two"), false},
		"an environment file":           {edit("settings.env", "info", "debug"), false},
		"a file in a mounted directory": {edit("conf/sub/more.conf", "1", "2"), false},
		"a new file in it":              {func(_ *deploy.App, f map[string]string) { f["conf/new.conf"] = "" }, false},
		"a file of an included file":    {edit("parts/extra.conf", "e", "f"), false},
		"an included file":              {edit("parts/extra.yaml", "extra:$", "other:$"), false},
		"a config":                      {edit("motd.txt", "hello", "bye"), false},
		"a secret":                      {edit("key.txt", "k", "l"), false},
		"a health command":              {edit("docker-compose.yml", "/health\"", "/ready\""), false},
		"the number of containers":      {edit("docker-compose.yml", "scale: 2", "scale: 3"), false},
		"the content of two files swapped": {func(_ *deploy.App, f map[string]string) {
			f["conf/app.conf"], f["conf/sub/more.conf"] = f["conf/sub/more.conf"], f["conf/app.conf"]
		}, false},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			app, files := shop(t), maps.Clone(everything())
			app.Shared = "compose.shared.yaml"
			c.change(&app, files)
			put(t, app, files)
			if after := resolved(t, app); (after == before) != c.same {
				t.Errorf("release was %s, is %s: want the same: %t", before, after, c.same)
			}
		})
	}
}

func TestResolve_AMountedFileThatMayBeExecutedIsAnotherRelease(t *testing.T) {
	app := shop(t)
	put(t, app, everything())
	before := resolved(t, app)
	if err := os.Chmod(filepath.Join(app.Root, "conf/app.conf"), 0o755); err != nil {
		t.Fatal(err)
	}
	if after := resolved(t, app); after == before {
		t.Error("the release did not change")
	}
}

func TestResolve_TheAgentsOwnEnvironmentDecidesNothing(t *testing.T) {
	app := shop(t)
	put(t, app, everything())
	before := resolved(t, app)
	for name, value := range map[string]string{
		"MODE": "stolen", "TAG": "9", "API_PORT": "1", "DOTENV": "stolen", "COMPOSE_PROFILES": "debug",
		"COMPOSE_FILE": "/nowhere", "COMPOSE_PROJECT_NAME": "other", "COMPOSE_DISABLE_ENV_FILE": "1", "DOCKER_HOST": "tcp://nowhere:1",
	} {
		t.Setenv(name, value)
	}
	if after := resolved(t, app); after != before {
		t.Errorf("release %s became %s by the environment", before, after)
	}
}

func TestResolve_FollowsSymbolicLinksOnlyWithinTheDirectory(t *testing.T) {
	const file = "services: {api: {image: 'a:1', ports: ['${API_PORT}:3000'], volumes: ['./link:/x']}}\n"
	cases := map[string]struct {
		to string
		ok bool
	}{
		"to a neighbour": {"real", true}, "to the host": {"/etc/hostname", false}, "up and out": {"../..", false},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			app := shop(t)
			put(t, app, map[string]string{"compose.yaml": file, "real": "x"})
			if err := os.Symlink(c.to, filepath.Join(app.Root, "link")); err != nil {
				t.Fatal(err)
			}
			loader := newLoader(t, project.LoaderOptions{})
			_, err := loader.Resolve(t.Context(), app)
			if _, refused := deploy.AsFaults(err); refused == c.ok || (c.ok && err != nil) {
				t.Errorf("a link %s: %v, want it to be fine: %t", c.to, err, c.ok)
			}
		})
	}
}

func TestResolve_LinksInPlaceOfFilesThatAreReadAreRefused(t *testing.T) {
	for _, name := range []string{"compose.yaml", ".env", "base.yaml", "settings.env"} {
		t.Run(name, func(t *testing.T) {
			app := shop(t)
			files := map[string]string{
				"compose.yaml": "services:\n  api:\n    extends: {file: base.yaml, service: api}\n    env_file: [settings.env]\n    ports: ['${API_PORT}:3000']\n",
				"base.yaml":    "services: {api: {image: 'a:1'}}\n", ".env": "A=1\n", "settings.env": "B=1\n",
			}
			put(t, app, files)
			elsewhere := filepath.Join(t.TempDir(), "elsewhere")
			if err := os.WriteFile(elsewhere, []byte("SECRET OF THE HOST"), 0o600); err != nil {
				t.Fatal(err)
			}
			link := filepath.Join(app.Root, name)
			if err := os.Remove(link); err != nil {
				t.Fatal(err)
			}
			if err := os.Symlink(elsewhere, link); err != nil {
				t.Fatal(err)
			}
			loader := newLoader(t, project.LoaderOptions{})
			_, err := loader.Resolve(t.Context(), app)
			if _, refused := deploy.AsFaults(err); !refused || regexp.MustCompile("SECRET").MatchString(err.Error()) {
				t.Errorf("got %v, want a fault that quotes nothing", err)
			}
		})
	}
}

func TestResolve_TheExpandMigrationIsPartOfTheReleaseAndTheContractIsNot(t *testing.T) {
	release := func(expand, contract string, change ...string) deploy.Release {
		app := shop(t)
		app.Migrations = deploy.Migrations{Expand: expand, Contract: contract}
		file := "services:\n  api: {image: 'a:1', ports: ['${API_PORT}:3000']}\n" +
			"  grow: {image: 'a:1', command: [grow], profiles: [migrate], networks: [more]}\n" +
			"  shrink: {image: 'a:1', command: [shrink], profiles: [migrate]}\nnetworks: {more: }\n"
		put(t, app, map[string]string{"compose.yaml": strings.NewReplacer(change...).Replace(file)})
		return resolved(t, app)
	}
	none := release("", "")
	if got := release("", "shrink"); got != none {
		t.Errorf("a contract migration makes %s of %s", got, none)
	}
	expand := release("grow", "")
	if expand == none {
		t.Error("an expand migration makes no other release")
	}
	if got := release("grow", "shrink", "[shrink]", "[shrink, more]"); got != expand {
		t.Errorf("another contract migration makes %s of %s", got, expand)
	}
	if got := release("grow", "", "[grow]", "[grow, more]"); got == expand {
		t.Error("another expand migration makes no other release")
	}
}

func TestResolve_TheListOfSingletonsIsPartOfTheReleaseAndItsOrderIsNot(t *testing.T) {
	release := func(names ...string) deploy.Release {
		app := shop(t)
		app.Singletons = names
		put(t, app, map[string]string{"compose.yaml": "services: {api: {image: 'a:1', ports: ['${API_PORT}:3000']}, one: {image: 'a:1'}, two: {image: 'a:1'}}\n"})
		return resolved(t, app)
	}
	if release() == release("one") || release("one") == release("one", "two") {
		t.Error("the singletons make no other release")
	}
	if a, b := release("one", "two"), release("two", "one"); a != b {
		t.Errorf("another order makes %s of %s", b, a)
	}
}
