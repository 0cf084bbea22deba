package compose_test

import (
	"archive/tar"
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"tandem/compose"
	"tandem/reconciler/deploy"
)

// vault has the secrets of a test; its Hide shouts, so that it can be told that a
// text went through it.
type vault map[string]string

const planted = "planted-$ecret-value"

func (v vault) Open(context.Context, deploy.App) ([]deploy.Secret, error) {
	var all []deploy.Secret
	for name, value := range v {
		all = append(all, deploy.Secret{
			Name: name, File: "shop/secrets.env", Line: 1, Encrypted: !strings.HasPrefix(name, "PLAIN"), Value: deploy.Hidden(value), Ciphertext: "sealed " + name,
		})
		if strings.HasPrefix(name, "PLAIN") {
			all[len(all)-1].Ciphertext = value
		}
	}
	return all, nil
}

func (v vault) HideCut(text string) string { return strings.ReplaceAll(text, planted, "(hidden)") }

// The container gets the values, as variables and as a file; nothing else that
// Docker tells of it has them, and its log is read without them.
func TestSecrets_ReachTheContainerAndNothingElse(t *testing.T) {
	b := newBed(t, "secrets", func(o *compose.Options) { o.Vault = vault{"DB_PASSWORD": planted} })
	b.app.Secrets = []string{"secrets.env"}
	b.write("compose.yaml", `
services:
  api:
    image: IMAGE:1
    ports: ["${API_PORT}:3000"]
    environment: {URL: "db://u:${DB_PASSWORD}@db", DB_PASSWORD: }
    secrets: [password]
  echo:
    image: IMAGE:1
    command: ["env", "DB_PASSWORD"]
    environment: [DB_PASSWORD]
secrets: {password: {environment: DB_PASSWORD}}
`)
	b.up(deploy.Blue)
	api := b.instance(deploy.Blue, "api")
	info, err := b.engine.Client.ContainerInspect(t.Context(), api.ID)
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(info.Config.Env)
	var got []string
	for _, e := range info.Config.Env {
		if strings.Contains(e, planted) {
			got = append(got, e)
		}
	}
	want := []string{"DB_PASSWORD=" + planted, "URL=db://u:" + planted + "@db"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("variables (-want +got):\n%s", diff)
	}
	info.Config.Env = nil
	if text := fmt.Sprintf("%+v %+v %+v", info.Config, info.HostConfig, *info.ContainerJSONBase); strings.Contains(text, planted) {
		t.Errorf("docker inspect shows it outside of the environment: %s", text)
	}
	if file := b.fileOf(api, "/run/secrets/password"); file != planted {
		t.Errorf("the file has %q", file)
	}
	b.logged(b.instance(deploy.Blue, "echo"), "DB_PASSWORD=(hidden)")
}

// fileOf reads a file out of a container.
func (b *bed) fileOf(c deploy.Container, path string) string {
	b.t.Helper()
	stream, _, err := b.engine.Client.CopyFromContainer(b.t.Context(), c.ID, path)
	if err != nil {
		b.t.Fatal(err)
	}
	defer func() { _ = stream.Close() }() // it was only read
	archive := tar.NewReader(stream)
	if _, err := archive.Next(); err != nil {
		b.t.Fatal(err)
	}
	data, err := io.ReadAll(archive)
	if err != nil {
		b.t.Fatal(err)
	}
	return string(data)
}
