package source

import (
	"io"
	"math"
	"testing"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/storage/memory"
)

// A cache may hold a sound object under a wrong name; what is deployed is what
// the commit's hash promises, or nothing.
func TestObjects_BelieveNoContentThatDoesNotFitItsHash(t *testing.T) {
	store := memory.NewStorage()
	lie, err := makeObject(plumbing.BlobObject, []byte("another content")).encoded()
	must(t, err)
	promised := makeObject(plumbing.BlobObject, []byte("the content")).hash
	store.Blobs[promised], store.Objects[promised] = lie, lie
	o := &objects{store: store}
	if err := o.copy(io.Discard, plumbing.BlobObject, promised, math.MaxInt64); !isDamaged(err) {
		t.Errorf("got %v", err)
	}
	if err := o.copy(io.Discard, plumbing.BlobObject, lie.Hash(), math.MaxInt64); !isDamaged(err) {
		t.Errorf("a missing object: %v", err)
	}
}
