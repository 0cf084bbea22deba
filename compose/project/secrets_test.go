package project_test

import (
	"context"
	"strings"
	"testing"

	"tandem/compose/project"
	"tandem/internal/harness/testbed/tb"
	"tandem/reconciler/deploy"
)

// resealed is vault after the file was encrypted anew.
type resealed struct{ tb.Vault }

func (v resealed) Open(ctx context.Context, app deploy.App) ([]deploy.Secret, error) {
	all, err := v.Vault.Open(ctx, app)
	for i := range all {
		all[i].Ciphertext += " anew"
	}
	return all, err
}

func secretive(t *testing.T) deploy.App {
	app := shop(t)
	app.Secrets = []string{"secrets.env"}
	return app
}

// stackWith is a stack whose api has the lines, indented by four, beside the usual.
func stackWith(lines string) string {
	return "services:\n  api:\n    image: shop:${TAG}\n    ports: [\"${API_PORT}:3000\"]\n" + lines
}

func TestSecrets_MayStandWhereOnlyTheContainerReadsThem(t *testing.T) {
	loader := newLoader(t, project.LoaderOptions{Vault: tb.Vault{"DB_PASSWORD": tb.Planted, "PLAIN": "shown"}})
	for name, files := range map[string]map[string]string{
		"a mapping":            {"compose.yaml": stackWith("    environment: {A: \"postgres://u:${DB_PASSWORD}@db\"}\n")},
		"a list":               {"compose.yaml": stackWith("    environment: [\"A=x${DB_PASSWORD}\", DB_PASSWORD]\n")},
		"a secret":             {"compose.yaml": stackWith("    secrets: [x]\nsecrets: {x: {environment: DB_PASSWORD}}\n")},
		"a config":             {"compose.yaml": stackWith("    configs: [x]\nconfigs: {x: {content: \"password = ${DB_PASSWORD}\"}}\n")},
		"an extension":         {"compose.yaml": "x-env: &env {A: \"${DB_PASSWORD}\"}\n" + stackWith("    environment: *env\n")},
		"a file of variables":  {"compose.yaml": stackWith("    env_file: [a.env]\n"), "a.env": "A=${DB_PASSWORD}\n"},
		"by way of .env":       {"compose.yaml": stackWith("    environment: {A: \"${URL}\"}\n"), ".env": "URL=x${DB_PASSWORD}\n"},
		"one that is readable": {"compose.yaml": stackWith("    command: [\"${PLAIN}\"]\n")},
	} {
		app := secretive(t)
		put(t, app, files)
		if _, err := loader.Resolve(t.Context(), app); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestSecrets_AreRefusedWhereOthersReadThem(t *testing.T) {
	loader := newLoader(t, project.LoaderOptions{Vault: tb.Vault{"DB_PASSWORD": tb.Planted}})
	const command = "is a secret, and everybody on this host can read a command"
	const other = "is a secret, and others can read what stands here"
	for name, c := range map[string]struct {
		files map[string]string
		want  string
	}{
		"command":           {map[string]string{"compose.yaml": stackWith("    command:\n      - serve\n      - --pw=${DB_PASSWORD}\n")}, "shop/compose.yaml:7: services.api.command: ${DB_PASSWORD} " + command},
		"command, as text":  {map[string]string{"compose.yaml": stackWith("    command: serve ${DB_PASSWORD}\n")}, "shop/compose.yaml:5: services.api.command: ${DB_PASSWORD} " + command},
		"entrypoint":        {map[string]string{"compose.yaml": stackWith("    entrypoint: [\"${DB_PASSWORD}\"]\n")}, "services.api.entrypoint: ${DB_PASSWORD} " + command},
		"healthcheck":       {map[string]string{"compose.yaml": stackWith("    healthcheck: {test: \"curl -u x:${DB_PASSWORD} x\"}\n")}, "shop/compose.yaml:5: services.api.healthcheck.test: ${DB_PASSWORD} " + command},
		"label":             {map[string]string{"compose.yaml": stackWith("    labels: {a: \"${DB_PASSWORD}\"}\n")}, "services.api.labels.a: ${DB_PASSWORD} " + other},
		"label's name":      {map[string]string{"compose.yaml": stackWith("    labels: [\"${DB_PASSWORD}=x\"]\n")}, "services.api.labels: ${DB_PASSWORD} " + other},
		"image":             {map[string]string{"compose.yaml": "services: {api: {image: \"shop:${DB_PASSWORD}\", ports: [\"${API_PORT}:3000\"]}}\n"}, "services.api.image: ${DB_PASSWORD} " + other},
		"variable's name":   {map[string]string{"compose.yaml": stackWith("    environment: [\"${DB_PASSWORD}=x\"]\n")}, "services.api.environment: ${DB_PASSWORD} " + other},
		"host name":         {map[string]string{"compose.yaml": stackWith("    hostname: ${DB_PASSWORD}\n")}, "services.api.hostname: ${DB_PASSWORD} " + other},
		"volume":            {map[string]string{"compose.yaml": stackWith("    volumes: [\"./${DB_PASSWORD}:/x\"]\n")}, "${DB_PASSWORD} " + other},
		"a number":          {map[string]string{"compose.yaml": stackWith("    mem_limit: ${DB_PASSWORD}\n")}, "${DB_PASSWORD} " + other},
		"a hook":            {map[string]string{"compose.yaml": stackWith("    post_start: [{command: x, environment: [\"A=${DB_PASSWORD}\"]}]\n")}, "services.api.post_start.environment.A: ${DB_PASSWORD} " + other},
		"a network":         {map[string]string{"compose.yaml": stackWith("    networks: [x]\nnetworks: {x: {labels: {a: \"${DB_PASSWORD}\"}}}\n")}, "networks.x.labels.a: ${DB_PASSWORD} " + other},
		"by way of .env":    {map[string]string{"compose.yaml": stackWith("    command: \"${URL}\"\n"), ".env": "URL=x${DB_PASSWORD}\n"}, "services.api.command: ${DB_PASSWORD} " + command},
		"the shared stack":  {map[string]string{"compose.yaml": stackWith(""), "shared.yaml": "services: {db: {image: db, command: \"${DB_PASSWORD}\"}}\n"}, "shop/shared.yaml:1: services.db.command: ${DB_PASSWORD} " + command},
		"in a longer value": {map[string]string{"compose.yaml": stackWith("    user: x${DB_PASSWORD}y\n")}, "services.api.user: ${DB_PASSWORD} " + other},
	} {
		app := secretive(t)
		put(t, app, c.files)
		if _, ok := c.files["shared.yaml"]; ok {
			app.Shared = "shared.yaml"
		}
		_, err := loader.Resolve(t.Context(), app)
		if _, ok := deploy.AsFaults(err); !ok || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got\n%v\nwant faults with\n%s", name, err, c.want)
		}
		if err != nil && (strings.Contains(err.Error(), tb.Planted) || strings.Contains(err.Error(), "tandemsecret")) {
			t.Errorf("%s: the message shows what it should not: %v", name, err)
		}
	}
}

func TestSecrets_AReleaseIsWhatStandsInGit(t *testing.T) {
	used := tb.Vault{"DB_PASSWORD": tb.Planted, "UNUSED": "x"}
	release := func(v project.Vault, lines string) deploy.Release {
		t.Helper()
		app := secretive(t)
		put(t, app, map[string]string{"compose.yaml": stackWith(lines)})
		r, err := newLoader(t, project.LoaderOptions{Vault: v}).Resolve(t.Context(), app)
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	for _, lines := range []string{"    environment: {A: \"${DB_PASSWORD}\"}\n", "    secrets: [x]\nsecrets: {x: {environment: DB_PASSWORD}}\n"} {
		before := release(used, lines)
		if release(tb.Vault{"DB_PASSWORD": "", "UNUSED": ""}, lines) != before {
			t.Errorf("the value itself is in the hash: whoever guesses it could see that it is right\n%s", lines)
		}
		if release(resealed{used}, lines) == before {
			t.Errorf("what stands in git changed, and it is the same release\n%s", lines)
		}
	}
	if release(used, "") != release(resealed{used}, "") {
		t.Error("a secret that the stack does not use makes another release of it")
	}
}

func TestSecrets_WithoutAVaultAreRefused(t *testing.T) {
	app := secretive(t)
	put(t, app, map[string]string{"compose.yaml": stackWith("")})
	_, err := newLoader(t, project.LoaderOptions{}).Resolve(t.Context(), app)
	if _, ok := deploy.AsFaults(err); !ok {
		t.Errorf("got %v, want faults", err)
	}
}

func TestResolve_ContentFromAVariableIsAPartOfTheRelease(t *testing.T) {
	for _, lines := range []string{"    secrets: [x]\nsecrets: {x: {environment: MOTD}}\n", "    configs: [x]\nconfigs: {x: {environment: MOTD}}\n"} {
		app := shop(t)
		put(t, app, map[string]string{"compose.yaml": stackWith(lines)})
		app.Env = map[string]string{"MOTD": "hello"}
		before := resolved(t, app)
		app.Env = map[string]string{"MOTD": "goodbye"}
		if resolved(t, app) == before {
			t.Errorf("another content is the same release\n%s", lines)
		}
	}
}
