package agent

import (
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"tandem/internal/config"
	"tandem/reconciler"
)

// file is a readable tandem.yaml; an empty name means that it names no app.
func file(dir, app string, port int) reconciler.AppFile {
	text := fmt.Sprintf("tag: \"1\"\nroutes:\n  api: {ports: {blue: %d, green: %d}, health: /health}\n", port, port+1)
	if app != "" {
		text = "app: " + app + "\n" + text
	}
	return reconciler.AppFile{Dir: dir, Path: dir + "/tandem.yaml", Tree: "tree of " + dir, Data: []byte(text)}
}

func broken(dir string) reconciler.AppFile {
	return reconciler.AppFile{Dir: dir, Path: dir + "/tandem.yaml", Tree: "broken", Data: []byte("colour: blue\n")}
}

func reader() *apps {
	return newApps(nil, func(string) {}, slog.New(slog.DiscardHandler))
}

func read(a *apps, files ...reconciler.AppFile) map[string]string {
	out := map[string]string{}
	for name, d := range a.read(reconciler.Revision{Files: files}) {
		out[name] = "read"
		if d.Err != nil {
			out[name] = "refused"
		}
	}
	return out
}

func TestApps_ABrokenFileIsAboutTheAppThatWasLastReadThere(t *testing.T) {
	a := reader()
	if diff := cmp.Diff(map[string]string{"shop": "read"}, read(a, file("services/Store", "shop", 3001))); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(map[string]string{"shop": "refused"}, read(a, broken("services/Store"))); diff != "" {
		t.Error(diff)
	}
}

func TestApps_ABrokenFileThatWasNeverReadIsNamedAfterItsDirectory(t *testing.T) {
	for dir, want := range map[string]string{"services/My Store": "my-store", ".": "app", "a/2nd": "nd", "a/v-12": "v-12", "a/" + strings.Repeat("x", 60): strings.Repeat("x", 40)} {
		got := slices.Collect(maps.Keys(read(reader(), broken(dir))))
		if len(got) != 1 || got[0] != want || !reconciler.ValidName(got[0]) {
			t.Errorf("%s: named %q, want %q", dir, got, want)
		}
	}
}

func TestApps_ABrokenFileThatStillNamesItsAppIsAboutThatApp(t *testing.T) {
	f := broken("services/store")
	f.Data = []byte("app: shop-2\ncolour: blue\n")
	if diff := cmp.Diff(map[string]string{"shop-2": "refused"}, read(reader(), f)); diff != "" {
		t.Error(diff)
	}
	t.Log("but it takes the name from no app that can be read, wherever that stands")
	if diff := cmp.Diff(map[string]string{"shop-2": "read"}, read(reader(), f, file("services/zoo", "shop-2", 3001))); diff != "" {
		t.Error(diff)
	}
}

func TestApps_OfTwoThatClashTheLaterIsRefusedAndTheOtherDeploys(t *testing.T) {
	got := read(reader(), file("a", "first", 3001), file("b", "second", 3002))
	if diff := cmp.Diff(map[string]string{"first": "read", "b": "refused"}, got); diff != "" {
		t.Error(diff)
	}
}

func TestStatusGlobs_CoverTheStatusOfEveryHost(t *testing.T) {
	got := statusGlobs("{host}/{app}.yaml", file("services/store", "shop", 3001))
	if diff := cmp.Diff([]string{"*/store.yaml", "*/shop.yaml"}, got); diff != "" {
		t.Error(diff)
	}
	if want := (config.Status{Path: "{host}/{app}.yaml"}).File("shop", "vps-1"); want != "vps-1/shop.yaml" {
		t.Errorf("the status is at %s", want)
	}
}

func TestApps_ARouteToTheAgentsOwnPortIsRefused(t *testing.T) {
	cfg := config.Default()
	cfg.Listen, cfg.Nginx.Confirm = "[::1]:9000", "127.0.0.1:9010"
	a := reader()
	a.own = cfg.OwnPorts()
	for port, want := range map[int]string{8999: "refused", 9000: "refused", 9010: "refused", 9009: "refused", 9001: "read", 8484: "read"} {
		if diff := cmp.Diff(map[string]string{"shop": want}, read(a, file("shop", "shop", port))); diff != "" {
			t.Errorf("ports %d and %d (-want +got):\n%s", port, port+1, diff)
		}
	}
}
