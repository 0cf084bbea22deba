package project_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"tandem/compose/project"
	"tandem/reconciler/deploy"
)

const unsetCompose = `x-common: &common
  logging: {options: {tag: "${IN_AN_ANCHOR}"}}
x-unused: {image: "${UNUSED}"}
include: [more/included.yaml]
services:
  api:
    <<: *common
    image: shop:${TAG}
    ports: ["${API_PORT}:3000"]
    extends: {file: base.yaml, service: base}
    environment:
      A: postgres://shop:${DB_PASSWORD}@db/shop
      B: $SMTP_HOST and ${SMTP_HOST}
      C: ${OFF:-off} ${EMPTY-} ${SET:+${NOBODY_ASKS}} $$LITERAL $${LITERAL}
      D: ${OUTER:-${INNER}}
      E: ${DEMANDED:?write the key of the bank}
      F: ${BLANK:?must not be empty}
      G: ${BLANK?may be empty} ${FROM_DOTENV} ${FROM_ENV} ${COLOR} ${COMPOSE_PROJECT_NAME}
    command: |
      sh -c "
      echo $HOSTNAME"
  debug:
    image: shop:${DEBUG_TAG}
    profiles: [debug]
  adminer:
    image: adminer:${ADMINER_TAG}
`

var unsetFiles = map[string]string{
	"compose.yaml": unsetCompose, ".env": "FROM_DOTENV=1\nBLANK=\n",
	"base.yaml":          "services:\n  base:\n    environment:\n      X: ${IN_THE_BASE}\n  other:\n    image: ${NOT_EXTENDED}\n",
	"more/included.yaml": "services:\n  included:\n    image: shop:${TAG}\n    environment: {Y: \"${IN_THE_INCLUDED}\", Z: \"${OF_THE_INCLUDED}\"}\n",
	"more/.env":          "OF_THE_INCLUDED=1\n",
}

func unsetApp(t *testing.T) deploy.App {
	t.Helper()
	app := shop(t)
	app.Ignore, app.Env = []string{"adminer"}, map[string]string{"FROM_ENV": "1"}
	put(t, app, unsetFiles)
	return app
}

// wantUnset are the variables of unsetFiles that have no value, with their places.
var wantUnset = []string{
	"shop/base.yaml:4: services.base.environment.X: IN_THE_BASE (service api)",
	"shop/compose.yaml:2: services.api.logging.options.tag: IN_AN_ANCHOR (service api)",
	"shop/compose.yaml:12: services.api.environment.A: DB_PASSWORD (service api)",
	"shop/compose.yaml:13: services.api.environment.B: SMTP_HOST (service api)",
	"shop/compose.yaml:15: services.api.environment.D: INNER (service api)",
	"shop/compose.yaml:16: services.api.environment.E: DEMANDED (service api)",
	"shop/compose.yaml:17: services.api.environment.F: BLANK (service api)",
	"shop/compose.yaml:21: services.api.command: HOSTNAME (service api)",
	"shop/more/included.yaml:4: services.included.environment.Y: IN_THE_INCLUDED (service included)",
}

func TestLoader_NamesEveryVariableWithoutAValueAtOnce(t *testing.T) {
	app := unsetApp(t)
	_, err := newLoader(t, project.LoaderOptions{AppsDir: "/etc/tandem/apps"}).Resolve(t.Context(), app)
	faults, ok := deploy.AsFaults(err)
	if !ok {
		t.Fatalf("got %v, want faults", err)
	}
	var got []string
	for _, f := range faults {
		place, _, _ := strings.Cut(f.String(), " has no value")
		got = append(got, place)
	}
	slices.Sort(got)
	want := slices.Sorted(slices.Values(wantUnset))
	if !slices.Equal(got, want) {
		t.Errorf("got  %s\nwant %s", strings.Join(got, "\n     "), strings.Join(want, "\n     "))
	}
	text := err.Error()
	for _, words := range []string{
		`DEMANDED (service api) has no value ("write the key of the bank"): write it under env: in tandem.yaml, or, for a password, into a file of secrets: with SOPS, or on the server into /etc/tandem/apps/shop/.env`,
		"if empty is meant, write ${DB_PASSWORD-}", "if the shell in the container is to put it in, write $$HOSTNAME",
	} {
		if !strings.Contains(text, words) {
			t.Errorf("no word of %q in\n%s", words, text)
		}
	}
}

func TestLoader_TellsElsewhereWhatTheServerMayHave(t *testing.T) {
	app := unsetApp(t)
	put(t, app, map[string]string{"compose.yaml": strings.Replace(unsetCompose, "    environment:\n", "    env_file: ./server.env\n    environment:\n", 1)})
	apps := t.TempDir()
	loader := newLoader(t, project.LoaderOptions{AppsDir: apps, Elsewhere: true})
	r, err := loader.Load(t.Context(), app)
	if err != nil {
		t.Fatal(err)
	}
	var text string
	for _, n := range r.Notes {
		text += n.String() + "\n"
	}
	for _, name := range []string{"DB_PASSWORD (service api)", "DEMANDED (service api)", filepath.Join(apps, "shop", ".env"), "server.env is not in git", filepath.Join(apps, "shop", "server.env")} {
		if !strings.Contains(text, name) {
			t.Errorf("no note of %s in\n%s", name, text)
		}
	}
	if err := os.Mkdir(filepath.Join(apps, "shop"), 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := loader.Load(t.Context(), app); err == nil || !strings.Contains(err.Error(), "DB_PASSWORD") {
		t.Errorf("with the host directory on this machine: %v", err)
	}
}

// A variable may stand where the file cannot be read, or would be refused, without a value.
func TestLoader_SaysNothingOfWhatOnlyAMissingValueDoes(t *testing.T) {
	for _, line := range []string{
		`ports: ["${API_PORT}:3000", "127.0.0.1:${DEBUG_PORT}:9000"]`, `volumes: ["${DATA}:/data:ro", "${CACHE}/x:/cache:ro"]`, `mem_limit: ${MEMORY}`,
		`deploy: {replicas: "${REPLICAS}"}`, `stop_grace_period: ${GRACE}`, `read_only: ${READ_ONLY}`, `healthcheck: {test: "true", interval: "${INTERVAL}"}`, `privileged: ${PRIVILEGED:?}`,
		`user: ${PUID}:${PGID}`,
	} {
		t.Run(line, func(t *testing.T) {
			app := shop(t)
			text := "services:\n  api:\n    image: shop:${TAG}\n    expose: [3000]\n    " + line + "\n"
			put(t, app, map[string]string{"compose.yaml": text})
			app.Routes[0].Port = 3000
			r, err := newLoader(t, project.LoaderOptions{Elsewhere: true}).Load(t.Context(), app)
			if err != nil || len(r.Notes) == 0 {
				t.Fatalf("%v %+v", err, r)
			}
			_, err = newLoader(t, project.LoaderOptions{}).Load(t.Context(), app)
			faults, _ := deploy.AsFaults(err)
			for _, f := range faults {
				if !strings.Contains(f.Text, "has no value") {
					t.Errorf("tells of what follows: %s", f)
				}
			}
			if len(faults) == 0 {
				t.Errorf("got %v, want faults", err)
			}
		})
	}
}

func TestLoader_ReadsTheFilesThatDotenvLists(t *testing.T) {
	app := shop(t)
	put(t, app, map[string]string{
		".env":              "A=1\nCOMPOSE_FILE=compose.yaml:compose.prod.yaml\n",
		"compose.yaml":      "services:\n  api:\n    image: shop:${TAG}\n    ports: [\"${API_PORT}:3000\"]\n    environment: {MODE: development}\n",
		"compose.prod.yaml": "services:\n  api:\n    environment: {MODE: production}\n",
	})
	loader := newLoader(t, project.LoaderOptions{})
	r, err := loader.Load(t.Context(), app)
	if err != nil {
		t.Fatal(err)
	}
	if mode := r.Colored[deploy.Blue].Services["api"].Environment["MODE"]; mode == nil || *mode != "production" {
		t.Errorf("MODE is %v", mode)
	}
	want := "shop/.env:2: COMPOSE_FILE: these files are read, as Compose does; to say so in tandem.yaml, write compose: [compose.yaml, compose.prod.yaml] there"
	if !slices.ContainsFunc(r.Notes, func(n deploy.Note) bool { return n.String() == want }) {
		t.Errorf("notes: %v", r.Notes)
	}
	put(t, app, map[string]string{".env": "COMPOSE_FILE=compose.yaml:compose.override.yaml\n", "compose.override.yaml": "services:\n  api:\n    environment: {MODE: production}\n"})
	if r, err = loader.Load(t.Context(), app); err != nil || slices.ContainsFunc(r.Notes, func(n deploy.Note) bool { return strings.Contains(n.Text, "is not read") }) {
		t.Errorf("an override that is listed is not read: %v", err)
	}
	named := app
	named.Compose = []string{"compose.yaml"}
	if r, err = loader.Load(t.Context(), named); err != nil || *r.Colored[deploy.Blue].Services["api"].Environment["MODE"] != "development" {
		t.Errorf("what tandem.yaml names does not win: %v", err)
	}
	put(t, app, map[string]string{".env": "COMPOSE_FILE=compose.yaml,compose.gone.yaml\nCOMPOSE_PATH_SEPARATOR=,\n"})
	if _, err = loader.Load(t.Context(), app); err == nil || !strings.Contains(err.Error(), "shop/.env:1: COMPOSE_FILE: compose.gone.yaml does not exist") {
		t.Errorf("a file that is not there: %v", err)
	}
}
