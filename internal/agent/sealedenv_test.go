package agent

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"filippo.io/age"

	"tandem/compose/project"
	"tandem/internal/harness/testbed"
	"tandem/internal/secrets"
	"tandem/reconciler/deploy"
)

func TestSealedEnvFile_IsAsSecretAsTheSecrets(t *testing.T) {
	identity, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	seal := func(value string) string {
		data, err := testbed.SOPSDotenv(identity.Recipient(), testbed.Variable{Name: "TOKEN", Value: value})
		if err != nil {
			t.Fatal(err)
		}
		return string(data)
	}
	app := deploy.App{
		Name: "shop", Dir: "shop", File: "shop/tandem.yaml", Tag: "1.4.2", Root: t.TempDir(),
		Routes: []deploy.Route{{Name: "api", Service: "api", Ports: deploy.Ports{Blue: 3001, Green: 3002}}},
	}
	key := filepath.Join(t.TempDir(), "age")
	if err := os.WriteFile(key, []byte(identity.String()+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	const compose = "services:\n  api:\n    image: shop:${TAG}\n    ports: [\"${API_PORT}:3000\"]\n    env_file: [./sealed.env]\n"
	place(t, filepath.Join(app.Root, "compose.yaml"), compose, 0o644)
	place(t, filepath.Join(app.Root, "sealed.env"), seal("hidden-token"), 0o644)
	vault := secrets.New(key)
	loader := func(o project.LoaderOptions) *project.Loader {
		l, err := project.NewLoader(o)
		if err != nil {
			t.Fatal(err)
		}
		return l
	}
	r, err := loader(project.LoaderOptions{Vault: vault}).Load(t.Context(), app)
	if err != nil {
		t.Fatal(err)
	}
	written, err := r.ComposeFiles()
	if err != nil || strings.Contains(written["shop-blue"], "hidden-token") || !strings.Contains(written["shop-blue"], "TOKEN") || strings.Contains(written["shop-blue"], "sops") {
		t.Errorf("%v\n%s", err, written["shop-blue"])
	}
	closed, err := loader(project.LoaderOptions{}).Load(t.Context(), app)
	if err != nil || closed.Release != r.Release {
		t.Errorf("without a key it is another release: %v", err)
	}
	r.SubstituteSecrets()
	if got := r.Colored[deploy.Blue].Services["api"].Environment["TOKEN"]; got == nil || *got != "hidden-token" {
		t.Errorf("TOKEN is %v", got)
	}
	if text := vault.Hide("it is hidden-token"); strings.Contains(text, "hidden-token") {
		t.Errorf("the vault does not know it: %s", text)
	}
	place(t, filepath.Join(app.Root, "sealed.env"), seal("another-token"), 0o644)
	if again, err := loader(project.LoaderOptions{Vault: vault}).Load(t.Context(), app); err != nil || again.Release == r.Release {
		t.Errorf("a changed one is the same release: %v", err)
	}
	if _, err := loader(project.LoaderOptions{Vault: secrets.New("")}).Load(t.Context(), app); err == nil || !strings.Contains(err.Error(), "age key") {
		t.Errorf("on a host without a key: %v", err)
	}
}
