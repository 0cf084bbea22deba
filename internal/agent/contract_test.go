package agent

import (
	"crypto/sha256"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
	"testing"

	"tandem/internal/harness/contract"
	"tandem/reconciler/deploy"
)

// read reads a commit with these files, as the one that is newest.
func (r *remote) read(commit string, files map[string]string) {
	r.revision = deploy.Revision{Commit: deploy.Commit{Hash: commit}}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		dir := path.Dir(name)
		if path.Base(name) != "tandem.yaml" {
			continue
		}
		tree := sha256.New()
		for _, other := range slices.Sorted(maps.Keys(files)) {
			if strings.HasPrefix(other, dir+"/") {
				_, _ = fmt.Fprintf(tree, "%q %q\n", other, files[other])
			}
		}
		r.revision.Files = append(r.revision.Files, deploy.AppFile{
			Dir: dir, Path: name, Tree: fmt.Sprintf("%x", tree.Sum(nil)), Commit: r.revision.Commit, Data: []byte(files[name]),
		})
	}
}

func TestFakeRemote_DoesWhatEveryPollerDoes(t *testing.T) {
	contract.Poller(t, func(*testing.T) contract.PollerBed {
		git, files, commits := &remote{}, map[string]string{}, 0
		return contract.PollerBed{Port: git, Push: func(changed map[string]string) string {
			maps.Copy(files, changed)
			commits++
			git.read(fmt.Sprintf("c%d", commits), files)
			return git.revision.Commit.Hash
		}}
	})
}

func TestFakeBranch_DoesWhatEveryPublisherDoes(t *testing.T) {
	contract.Publisher(t, func(*testing.T) contract.PublisherBed {
		b := &branch{}
		return contract.PublisherBed{Port: b, Read: b.read, Commits: func() int { return len(b.pushes) }}
	})
}
