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
	"tandem/reconciler/deploy"
)

// file is a readable tandem.yaml; an empty name means that it names no app.
func file(dir, app string, port int) deploy.AppFile {
	text := fmt.Sprintf("tag: \"1\"\nroutes:\n  api: {ports: {blue: %d, green: %d}, health: /health}\n", port, port+1)
	if app != "" {
		text = "app: " + app + "\n" + text
	}
	return deploy.AppFile{Dir: dir, Path: dir + "/tandem.yaml", Tree: "tree of " + dir, Data: []byte(text)}
}

func broken(dir string) deploy.AppFile {
	return deploy.AppFile{Dir: dir, Path: dir + "/tandem.yaml", Tree: "broken", Data: []byte("colour: blue\n")}
}

func reader() *apps {
	return newApps(nil, func(string) {}, slog.New(slog.DiscardHandler))
}

func read(a *apps, files ...deploy.AppFile) map[string]string {
	out := map[string]string{}
	for name, d := range a.read(deploy.Revision{Files: files}) {
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
		if len(got) != 1 || got[0] != want || !deploy.ValidName(got[0]) {
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

// The ports of second are wanted by first, which sorts before it.
func TestApps_APortStaysWithTheAppThatHadIt(t *testing.T) {
	a := reader()
	read(a, file("b", "second", 3002))
	if diff := cmp.Diff(map[string]string{"a": "refused", "second": "read"}, read(a, file("a", "first", 3001), file("b", "second", 3002))); diff != "" {
		t.Error(diff)
	}
	t.Log("of two that are new neither is deployed, and each says why")
	if diff := cmp.Diff(map[string]string{"a": "refused", "b": "refused"}, read(reader(), file("a", "first", 3001), file("b", "second", 3002))); diff != "" {
		t.Error(diff)
	}
}

// copied is a commit with the shop, and an old copy of its directory that sorts first.
func copied() []deploy.AppFile {
	return []deploy.AppFile{file("archive/shop-2025", "shop", 3001), file("shop", "shop", 3001)}
}

// wantShop fails unless the shop is as of its own directory, and its status names both files.
func wantShop(t *testing.T, a *apps, files ...deploy.AppFile) {
	t.Helper()
	all := a.read(deploy.Revision{Files: files})
	shop := all["shop"]
	if shop.Err != nil || shop.File.Dir != "shop" {
		t.Errorf("the shop is that of %s, %v", shop.File.Dir, shop.Err)
	}
	if said := shop.Beside.Error(); !strings.Contains(said, "archive/shop-2025/tandem.yaml") || !strings.Contains(said, "shop is the app in shop/tandem.yaml") {
		t.Errorf("its status does not name both files: %q", said)
	}
	if other := all["shop-2025"]; other.Err == nil || other.File.Dir != "archive/shop-2025" {
		t.Errorf("the copy is %+v, want it refused", other)
	}
}

func TestApps_ACopyTakesNothingFromTheAppThatWasThere(t *testing.T) {
	a := reader()
	read(a, file("shop", "shop", 3001))
	wantShop(t, a, copied()...)
	t.Log("and the app goes on being deployed from where it was")
	next := file("shop", "shop", 3005)
	wantShop(t, a, copied()[0], next)
}

func TestApps_ACopyTakesNothingWhileTheAppsOwnFileIsBroken(t *testing.T) {
	a := reader()
	read(a, file("shop", "shop", 3001))
	all := a.read(deploy.Revision{Files: []deploy.AppFile{copied()[0], broken("shop")}})
	if shop := all["shop"]; shop.Err == nil || shop.File.Dir != "shop" || len(shop.Beside) == 0 {
		t.Errorf("the shop is that of %s, %v, beside %v", shop.File.Dir, shop.Err, shop.Beside)
	}
}

func TestApps_ACopyTakesNothingAfterARestart(t *testing.T) {
	for name, m := range map[string]deploy.Memory{
		"the directory was written down":       {Dir: "shop"},
		"only what is live was (an older one)": {Live: deploy.LiveRelease{Root: "/state/trees/shop/tree of shop"}},
	} {
		t.Run(name, func(t *testing.T) {
			state := t.TempDir()
			if err := saveMemory(state, "shop")(m); err != nil {
				t.Fatal(err)
			}
			a := reader()
			a.restoreOrigin = func() []remembered { return readOrigin(state) }
			wantShop(t, a, copied()...)
		})
	}
	t.Run("all is lost but what runs", func(t *testing.T) {
		a := reader()
		a.seen = func(string) string { return "tree of shop" }
		wantShop(t, a, copied()...)
	})
}

func TestApps_OfTwoOfOneNameNeitherIsDeployedWhereNothingIsKnown(t *testing.T) {
	all := reader().read(deploy.Revision{Files: copied()})
	if shop := all["shop"]; len(all) != 1 || shop.Err == nil || strings.Count(shop.Err.Error(), "\n") != 1 ||
		!strings.Contains(shop.Err.Error(), "archive/shop-2025/tandem.yaml: app: shop is the app in shop/tandem.yaml") ||
		!strings.Contains(shop.Err.Error(), "shop/tandem.yaml: app: shop is the app in archive/shop-2025/tandem.yaml") {
		t.Errorf("got %+v", all)
	}
}

func TestApps_AnAppThatMovesKeepsItsName(t *testing.T) {
	a := reader()
	read(a, file("shop", "shop", 3001))
	if diff := cmp.Diff(map[string]string{"shop": "read"}, read(a, file("services/shop", "shop", 3001))); diff != "" {
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
