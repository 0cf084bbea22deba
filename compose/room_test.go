package compose_test

import (
	"testing"

	"tandem/compose"
	"tandem/internal/testbed"
	"tandem/internal/testbed/tb"
	"tandem/reconciler"
)

func TestUp_PullsNothingOntoADiskWithTooLittleSpace(t *testing.T) {
	b := newBed(t, "room", func(o *compose.Options) { o.MinFree = 1 << 60 })
	b.runs("IMAGE:${TAG}")
	b.up(reconciler.Blue) // what is here already needs no space
	before := instances(b.stack(reconciler.Blue))
	r := tb.Registry(t, testbed.RegistryOptions{})
	ref := b.publish(r, testbed.Login{}, "1", "one")
	b.runs(ref)
	wantTemporary(t, b.attempt(), reconciler.DiskFull, ref, "1EiB", "docker image prune", "docker.min_free")
	if after := instances(b.stack(reconciler.Blue)); after["api"] != before["api"] {
		t.Errorf("the api was %s, is %s: want it untouched", before["api"], after["api"])
	}
	b.client = newClient(t, compose.Options{ConfigDir: b.config, MinFree: 1})
	b.up(reconciler.Blue)
	b.answers(reconciler.Blue, "one blue")
}
