package project_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"tandem/compose/project"
	"tandem/reconciler/deploy"
)

// TestNewServiceList_WhoMayEnd has restart: "no" said in each way, and not said.
func TestNewServiceList_WhoMayEnd(t *testing.T) {
	app := deploy.App{
		Name: "shop", Tag: "1", Root: t.TempDir(),
		Routes: []deploy.Route{{Name: "api", Service: "api", Ports: deploy.Ports{Blue: 3001, Green: 3002}}},
	}
	const text = `
services:
  api: {image: a, ports: ["${API_PORT}:3000"], restart: "no", depends_on: {waited: {condition: service_completed_successfully}}}
  deploy: {image: a, restart: always, deploy: {restart_policy: {condition: none}}}
  deploy-any: {image: a, restart: "no", deploy: {restart_policy: {condition: any}}}
  loops: {image: a, restart: on-failure}
  plain: {image: a, restart: no}
  psql: {image: "postgres:16", restart: "no", volumes: ["./init.sql:/init.sql:ro"]}
  quoted: {image: a, restart: "no"}
  silent: {image: a}
  store: {image: "postgres:16", restart: "no", volumes: ["data:/var/lib/postgresql/data"]}
  waited: {image: a, restart: always}
volumes: {data: {}}
`
	if err := os.WriteFile(filepath.Join(app.Root, "compose.yaml"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	projects, err := project.ResolveColors(t.Context(), app)
	if err != nil {
		t.Fatal(err)
	}
	got := project.NewServiceList(projects[deploy.Blue]).String()
	if want := "api,deploy:ends,deploy-any,loops,plain:ends,psql:ends,quoted:ends,silent,store,waited:once"; got != want {
		t.Errorf("the list is %s\nwant %s", got, want)
	}
}

func TestServiceList_ReadsBackWhatItWrote(t *testing.T) {
	want := project.ServiceList{
		{Name: "api", Count: 1}, {Name: "import", Count: 1, MayEnd: true}, {Name: "migrate-expand", Count: 1, OneShot: true, MayEnd: true},
		{Name: "my.worker_2", Count: 12}, {Name: "scheduler", Count: 2, Singleton: true},
		{Name: "seed", Count: 1, MayEnd: true, Singleton: true}, {Name: "twice", Count: 2, OneShot: true, MayEnd: true},
	}
	text := want.String()
	if text != "api,import:ends,migrate-expand:once,my.worker_2*12,scheduler*2:single,seed:ends:single,twice*2:once" {
		t.Errorf("text is %q", text)
	}
	if diff := cmp.Diff(want, project.ParseServiceList(text)); diff != "" {
		t.Errorf("read back (-want +got):\n%s", diff)
	}
}

func TestParseServiceList_LeavesOutWhatItCannotRead(t *testing.T) {
	for text, want := range map[string]project.ServiceList{
		"": nil, ",,": nil, "a*x,b": {{Name: "b", Count: 1}}, ":once": nil, ":ends": nil, ":single": nil, "b,a": {{Name: "a", Count: 1}, {Name: "b", Count: 1}},
	} {
		if diff := cmp.Diff(want, project.ParseServiceList(text)); diff != "" {
			t.Errorf("%q (-want +got):\n%s", text, diff)
		}
	}
}
