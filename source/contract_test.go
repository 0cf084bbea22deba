package source

import (
	"testing"

	"tandem/internal/harness/contract"
)

func TestRepo_DoesWhatEverySourceDoes(t *testing.T) {
	ways(t, func(t *testing.T, open func(*testing.T, func(*Options)) *world) {
		push := func(t *testing.T, w *world) contract.Push {
			return func(files map[string]string) string { return w.push(t, "change", files) }
		}
		contract.Poller(t, func(t *testing.T) contract.PollerBed {
			w := open(t, nil)
			return contract.PollerBed{Port: w.repo, Push: push(t, w)}
		})
		contract.Exporter(t, func(t *testing.T) contract.ExporterBed {
			w := open(t, nil)
			return contract.ExporterBed{Port: w.repo, Push: func(files map[string]string) string {
				w.push(t, "change", files)
				return w.poll(t).Commit.Hash // a commit that was never seen may not be had once it is old
			}}
		})
		contract.Publisher(t, func(t *testing.T) contract.PublisherBed {
			w := open(t, nil)
			const branch = "tandem-status"
			return contract.PublisherBed{Port: w.repo,
				Commits: func() int { return len(w.bare.Log(t, branch)) },
				Read:    func(path string) (string, bool) { return w.bare.Show(t, branch, path) },
			}
		})
	})
}
