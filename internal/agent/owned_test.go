package agent

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tandem/reconciler/deploy"
)

// agents returns two that differ in everything.
func agents(t *testing.T) (shop, blog owner) {
	t.Helper()
	dir := t.TempDir()
	return owner{Repo: "/srv/shop.git", Branch: "main", State: filepath.Join(dir, "shop")},
		owner{Repo: "/srv/blog.git", Branch: "main", State: filepath.Join(dir, "blog")}
}

func closed(t *testing.T, f *os.File) {
	t.Helper()
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}

// ofShop fails unless the error names the first agent, which has the thing.
func ofShop(t *testing.T, when string, err error) {
	t.Helper()
	var owned *OwnedError
	if !errors.As(err, &owned) || !strings.Contains(err.Error(), "/srv/shop.git") {
		t.Errorf("%s: got %v, want to be refused with the name of the agent of /srv/shop.git", when, err)
	}
}

func TestLockNginx_IsTheFirstAgentsAlsoWhileThatIsStopped(t *testing.T) {
	shop, blog := agents(t)
	dir := filepath.Join(t.TempDir(), "nginx")
	f, err := lockNginx(dir, shop)
	if err != nil {
		t.Fatal(err)
	}
	_, err = lockNginx(dir, blog)
	ofShop(t, "while it runs", err)
	twin := shop
	twin.State = blog.State
	_, err = lockNginx(dir, twin)
	ofShop(t, "a second one of the same repository, while the first runs", err)
	closed(t, f)
	_, err = lockNginx(dir, blog)
	ofShop(t, "while it is stopped", err)
	if !strings.Contains(err.Error(), filepath.Join(dir, ".owner")) {
		t.Errorf("it does not say how the directory changes hands: %v", err)
	}
}

func TestLockNginx_AnAgentWhoseStateOrRepositoryIsAnotherKeepsIt(t *testing.T) {
	shop, blog := agents(t)
	dir := t.TempDir()
	for _, step := range []struct {
		name string
		me   owner
	}{
		{"the first", shop},
		{"its state directory was lost", owner{Repo: shop.Repo, Branch: shop.Branch, State: blog.State}},
		{"its repository moved", owner{Repo: blog.Repo, Branch: "trunk", State: blog.State}},
	} {
		f, err := lockNginx(dir, step.me)
		if err != nil {
			t.Fatalf("%s: %v", step.name, err)
		}
		closed(t, f)
	}
	if err := os.WriteFile(filepath.Join(dir, ".owner"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	f, err := lockNginx(dir, shop)
	if err != nil {
		t.Fatalf("a name that was cut short keeps everybody out: %v", err)
	}
	closed(t, f)
}

// runs are stacks of the shop that the agent brought up.
func runs(by owner) [2]deploy.Stack {
	return [2]deploy.Stack{{Color: deploy.Blue, Root: filepath.Join(by.State, "trees", "shop", "tree")}, {Color: deploy.Green}}
}

func TestOwned_AnAppIsTheAgentsThatBroughtItUp(t *testing.T) {
	first, second := agents(t)
	a, b := newOwned(first), newOwned(second)
	t.Cleanup(func() { a.close(); b.close() })
	if err := errors.Join(a.take("shop"), b.take("shop")); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(a.check("shop", runs(first)), b.check("shop", [2]deploy.Stack{})); err != nil {
		t.Errorf("its own, or one that does not run: %v", err)
	}
	err := b.check("shop", runs(first))
	ofShop(t, "while the first agent runs", err)
	if reason := deploy.ReasonOf(err); reason != deploy.OtherAgent {
		t.Errorf("reason %s", reason)
	}
	a.close()
	ofShop(t, "while it is stopped", b.check("shop", runs(first)))

	t.Log("the app leaves the first agent's repository, while that agent is stopped")
	if err := a.keep(func(app string) bool { return app != "shop" }); err != nil {
		t.Fatal(err)
	}
	if err := b.check("shop", runs(first)); err != nil {
		t.Errorf("an app that was handed over: %v", err)
	}
}

func TestOwned_AnAgentThatLostOrMovedItsStateHasItsAppsAgain(t *testing.T) {
	first, second := agents(t)
	moved := newOwned(owner{Repo: first.Repo, Branch: first.Branch, State: second.State})
	if err := moved.check("shop", runs(first)); err != nil {
		t.Errorf("the old state directory is gone: %v", err)
	}
	before := newOwned(first)
	if err := before.take("shop"); err != nil {
		t.Fatal(err)
	}
	ofShop(t, "a copy of the agent, while the first runs", moved.check("shop", runs(first)))
	before.close()
	if err := moved.check("shop", runs(first)); err != nil {
		t.Errorf("the old state directory is still there: %v", err)
	}
	another := newOwned(owner{Repo: "/srv/elsewhere.git", Branch: "main", State: first.State})
	if err := errors.Join(another.check("shop", runs(first)), another.take("shop")); err != nil {
		t.Errorf("the repository has another address: %v", err)
	}
	another.close()
}
