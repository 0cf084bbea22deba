package e2e

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/docker/docker/api/types/network"
	"github.com/docker/docker/api/types/volume"
	"github.com/google/go-cmp/cmp"

	"tandem/internal/api"
	"tandem/internal/harness/stage"
	"tandem/internal/harness/testbed"
	"tandem/internal/harness/testbed/tb"
	"tandem/nginx"
	"tandem/reconciler/deploy"
)

// The shop is called store from now on: its stacks go on running, and hold the ports.
func TestRemove_AnAppThatGitDoesNotHaveAnyMore(t *testing.T) {
	t.Parallel()
	w := deployed(t, stage.Options{})
	w.build("1.1.0")
	w.live(w.push(stage.Desired{Tag: "1.1.0"}), "1.1.0", deploy.Green)
	shop, store := w.App, w.App+"-store"
	project := map[string]string{"com.docker.compose.project": shop + "-blue"}
	kept, err := w.Engine.Client.VolumeCreate(t.Context(), volume.CreateOptions{Name: shop + "-blue_data", Labels: project})
	check(t, err)
	t.Cleanup(func() {
		if err := w.Engine.RemoveProject(context.Background(), shop+"-blue"); err != nil {
			t.Log(err) // the volume of a test that failed
		}
	})
	agent := api.NewClient(w.Config().Listen)
	refused := func(words string) {
		t.Helper()
		before := w.containers()
		_, err := agent.Remove(t.Context(), shop)
		var why *api.RefusedError
		if !errors.As(err, &why) || !strings.Contains(why.Why, words) {
			t.Errorf("got %v, want to be refused with %q", err, words)
		}
		if diff := cmp.Diff(before, w.containers()); diff != "" {
			t.Errorf("containers were touched:\n%s", diff)
		}
		if tag := w.tag(); tag != "1.1.0" {
			t.Errorf("people get %s", tag)
		}
	}
	refused("the repository still has the app " + shop)

	_, err = w.Git(t.Context(), "mv", shop, store)
	check(t, err)
	put(t, filepath.Join(w.Work, store, "tandem.yaml"), "app: "+shop+"\n", "app: "+store+"\n")
	commit, err := w.Commit(t.Context(), "The shop is called store")
	check(t, err)
	w.StatusRef = "tandem-status:" + store + ".yaml"
	dir := w.Config().Nginx.Dir
	tb.Until(t, patience, "generated files", func() error {
		_, err := os.Stat(filepath.Join(dir, store+".server"))
		return err
	})
	serves := func(app string) string {
		return "    include " + filepath.Join(dir, app+".server") + ";\n    location / { proxy_pass http://" + nginx.Variable(app, "api") + "; }\n"
	}
	site := func(app, more string) {
		t.Helper()
		check(t, w.Nginx.Configure(testbed.NginxConfig{HTTP: "    include " + dir + "/*.conf;\n" + more, Server: serves(app)}))
		check(t, w.Nginx.ReloadAndWait(t.Context()))
	}
	site(shop, "    server { listen unix:"+filepath.Join(w.Dir, "store.sock")+";\n"+serves(store)+"    }\n")
	w.taken(commit, shop+"-green-api-1", "no longer in the repository", "tandem remove "+shop)
	refused("still sends requests to the app " + shop)

	t.Log("the site does without the shop")
	site(store, "")
	for _, what := range []string{"removed", "again"} {
		done, err := agent.Remove(t.Context(), shop)
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		if said := strings.Join(done, "\n"); (what == "removed") != strings.Contains(said, "removed the stack "+shop+"-green") {
			t.Errorf("%s: it says %q", what, said)
		}
	}
	if left := w.containers(); len(left) > 0 {
		t.Errorf("containers are left: %v", left)
	}
	networks, err := w.Engine.Client.NetworkList(t.Context(), network.ListOptions{})
	check(t, err)
	for _, n := range networks {
		if p := n.Labels["com.docker.compose.project"]; p == shop+"-blue" || p == shop+"-green" {
			t.Errorf("the network %s is left", n.Name)
		}
	}
	left, err := filepath.Glob(filepath.Join(w.Config().Nginx.Dir, shop+".*"))
	if err != nil || len(left) > 0 {
		t.Errorf("left of Nginx's files: %v, %v", left, err)
	}
	if _, err := w.Engine.Client.VolumeInspect(t.Context(), kept.Name); err != nil {
		t.Errorf("the volume: %v", err)
	}

	t.Log("and the store goes live by itself")
	w.App = store
	w.phase(commit, deploy.PhaseLive)
	if tag := w.tag(); tag != "1.1.0" {
		t.Errorf("people get %s", tag)
	}
}
