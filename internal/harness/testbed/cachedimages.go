package testbed

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
)

// CachedImages are images that this process makes once and keeps until Remove, because
// making one, or unpacking its layers again for each image that has them too, takes
// longer than what is done with it. The zero value has none. It may be used by several
// goroutines.
type CachedImages struct {
	mu   sync.Mutex
	made map[string]*cachedImage // by name
}

type cachedImage struct {
	sync.Once
	err error
}

// Once lets the first who asks for an image create it by this name, and all others
// wait. The error is that of the first.
func (k *CachedImages) Once(ctx context.Context, ref string, create func(ctx context.Context, ref string) error) error {
	i := k.image(ref)
	i.Do(func() { i.err = create(ctx, ref) })
	return i.err
}

func (k *CachedImages) image(ref string) *cachedImage {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.made == nil {
		k.made = map[string]*cachedImage{}
	}
	if k.made[ref] == nil {
		k.made[ref] = &cachedImage{}
	}
	return k.made[ref]
}

// Remove takes their names off the engine; it needs none where nobody wanted an image.
// Nobody may want one any more.
func (k *CachedImages) Remove(ctx context.Context) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if len(k.made) == 0 {
		return nil
	}
	e, err := NewEngine(ctx)
	if err != nil {
		return err
	}
	return errors.Join(e.Remove(ctx, slices.Collect(maps.Keys(k.made))...), e.Close())
}
