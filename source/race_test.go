package source

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/go-git/go-git/v5/plumbing"

	"tandem/internal/harness/gittest"
)

// Two people and the agent push to the same branch at the same time, 100 commits
// each side, while the server repacks. Every commit that was pushed must be in
// the branch's history in the end, exactly once, and no push may have been
// forced.
func TestPublish_LosesNothingInARaceOf100Pushes(t *testing.T) {
	ways(t, func(t *testing.T, open func(*testing.T, func(*Options)) *world) {
		w := open(t, func(o *Options) { o.StatusBranch = gittest.Main })
		each := 100
		switch {
		case testing.Short():
			each = 10
		case w.repo.sanitizer.address.scheme == schemeSSH:
			each = 20 // the same race as over http; only the handshakes take longer
		}
		// The server itself would refuse what is no fast-forward.
		w.bare.Git(t, "config", "receive.denyNonFastForwards", "true")
		w.push(t, "first", map[string]string{"tandem.yaml": "tag: one\n"})
		people := []*gittest.Clone{w.bare.Clone(t), w.bare.Clone(t)}

		ctx := within(t)
		var pushed [2][]string
		var all sync.WaitGroup
		for i, person := range people {
			all.Go(func() { pushed[i] = pushAll(t, person, i, each/len(people)) })
		}
		repack := make(chan struct{}, each)
		all.Go(func() {
			defer close(repack)
			for n := range each {
				err := w.repo.Publish(ctx, fmt.Sprintf("status %d", n), map[string][]byte{"status/shop.yaml": fmt.Append(nil, n)})
				if err != nil {
					t.Errorf("status %d: %v", n, err)
					return
				}
				if n%10 == 0 {
					repack <- struct{}{}
				}
			}
		})
		all.Go(func() {
			for range repack {
				w.bare.Git(t, "pack-refs", "--all")
				w.bare.Git(t, "repack", "-q", "-d")
			}
		})
		all.Wait()

		log := w.bare.Log(t, gittest.Main)
		if len(log) != 2*each+1 {
			t.Errorf("%d commits, want %d", len(log), 2*each+1)
		}
		var statuses, want []string
		for _, subject := range slices.Backward(log) {
			if strings.HasPrefix(subject, "status ") {
				statuses = append(statuses, subject)
			}
		}
		for n := range each {
			want = append(want, fmt.Sprintf("status %d", n))
		}
		if !slices.Equal(statuses, want) {
			t.Errorf("the statuses are %v", statuses)
		}
		history := strings.Fields(w.bare.Git(t, "rev-list", "main"))
		for _, hash := range slices.Concat(pushed[0], pushed[1]) {
			if !slices.Contains(history, hash) {
				t.Errorf("%s was pushed and is lost", hash)
			}
		}
		w.bare.Git(t, "fsck", "--strict")
		if locks := w.bare.Git(t, "for-each-ref"); strings.Contains(locks, ".lock") {
			t.Errorf("left behind: %s", locks)
		}
	})
}

// pushAll pushes n commits one by one, rebasing when somebody was faster, and
// returns the hashes that the server took.
func pushAll(t *testing.T, c *gittest.Clone, person, n int) []string {
	var hashes []string
	for i := range n {
		name := fmt.Sprintf("person-%d/%d", person, i)
		c.Commit(t, name, map[string]string{name: name})
		for c.TryPush() != nil {
			c.Pull(t)
		}
		hashes = append(hashes, c.Head(t))
	}
	return hashes
}

// What the race shows by chance: a push that was built on a head that is not the
// head any more changes nothing, for a branch that moved, came or went.
func TestPush_IsACompareAndSwap(t *testing.T) {
	ways(t, func(t *testing.T, open func(*testing.T, func(*Options)) *world) {
		w := open(t, nil)
		first := hashOf(w.push(t, "first", map[string]string{"tandem.yaml": "tag: one\n"}))
		second := w.push(t, "second", map[string]string{"tandem.yaml": "tag: two\n"})
		for name, c := range map[string]struct {
			branch string
			old    plumbing.Hash
			stays  string
		}{
			"moved":        {gittest.Main, first, second},
			"there by now": {gittest.Main, plumbing.ZeroHash, second},
			"gone by now":  {"gone", first, ""},
		} {
			b := builder{author: Author{"a", "b"}, edit: put(map[string][]byte{"x": []byte(name)})}
			if c.old.IsZero() {
				must(t, b.build(nil, c.old))
			} else {
				must(t, w.repo.remote.withCommit(within(t), hashOf(second), func(o *objects) error { return b.build(o, hashOf(second)) }))
			}
			if err := w.repo.remote.push(within(t), c.branch, c.old, b.tip, b.objects); !errors.Is(err, errRaced) {
				t.Errorf("%s: %v", name, err)
			}
			if head := w.bare.Head(t, c.branch); head != c.stays {
				t.Errorf("%s: the branch is at %q, want %q", name, head, c.stays)
			}
		}
	})
}
