package compose_test

import (
	"archive/tar"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"tandem/compose"
	"tandem/internal/harness/testbed/tb"
	"tandem/reconciler/deploy"
)

// The container gets the values, as variables and as a file; nothing else that
// Docker tells of it has them, and its log is read without them.
func TestSecrets_ReachTheContainerAndNothingElse(t *testing.T) {
	b := newBed(t, "secrets", func(o *compose.Options) { o.Vault = tb.Vault{"DB_PASSWORD": tb.Planted} })
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
		if strings.Contains(e, tb.Planted) {
			got = append(got, e)
		}
	}
	want := []string{"DB_PASSWORD=" + tb.Planted, "URL=db://u:" + tb.Planted + "@db"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("variables (-want +got):\n%s", diff)
	}
	info.Config.Env = nil
	if text := fmt.Sprintf("%+v %+v %+v", info.Config, info.HostConfig, *info.ContainerJSONBase); strings.Contains(text, tb.Planted) {
		t.Errorf("docker inspect shows it outside of the environment: %s", text)
	}
	if file := b.fileOf(api, "/run/secrets/password"); file != tb.Planted {
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
