package source

import (
	"bytes"
	"context"
	"io"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/format/packfile"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp/capability"
	"github.com/go-git/go-git/v5/plumbing/transport"
	"github.com/go-git/go-git/v5/storage/memory"
)

// sendPack is remote.push by way of git's own protocol.
func sendPack(ctx context.Context, dial func(context.Context) (transport.ReceivePackSession, error), branch string, old, tip plumbing.Hash, objs []newObject) (err error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	s, err := dial(ctx)
	if err != nil {
		return err
	}
	defer func() { err = closeErr(s, err) }()
	adv, err := s.AdvertisedReferencesContext(ctx)
	if err != nil {
		return err
	}
	ref := plumbing.NewBranchReferenceName(branch)
	if adv.References[ref.String()] != old {
		return errRaced
	}
	pack, err := encodePack(objs)
	if err != nil {
		return err
	}
	req := packp.NewReferenceUpdateRequestFromCapabilities(adv.Capabilities)
	said := &words{most: 4 << 10}
	if adv.Capabilities.Supports(capability.Sideband64k) {
		// It takes no value, and that is the only thing Set could object to.
		_ = req.Capabilities.Set(capability.Sideband64k)
		req.Progress = said
	}
	req.Commands = []*packp.Command{{Name: ref, Old: old, New: tip}}
	req.Packfile = io.NopCloser(pack)
	report, err := s.ReceivePack(ctx, req)
	if report == nil {
		return err
	}
	if err := report.Error(); err != nil {
		return kindf(refusal(err.Error()), "%v: %s", err, said)
	}
	return err
}

// refusal tells a branch that does not accept a push from one that does not at
// this moment: these are git's own words when somebody else holds a lock.
func refusal(report string) error {
	for _, words := range []string{"failed to update ref", "cannot lock ref", "failed to lock", "incorrect old value", "reference already exists"} {
		if strings.Contains(report, words) {
			return errLocked
		}
	}
	return ErrRefused
}

// encodePack writes whole objects: they are small, and most are new.
func encodePack(objs []newObject) (*bytes.Buffer, error) {
	store := memory.NewStorage()
	hashes := make([]plumbing.Hash, 0, len(objs))
	for _, m := range objs {
		obj, err := m.encoded()
		if err != nil {
			return nil, err
		}
		hash, err := store.SetEncodedObject(obj)
		if err != nil {
			return nil, err
		}
		hashes = append(hashes, hash)
	}
	var pack bytes.Buffer
	_, err := packfile.NewEncoder(&pack, store, false).Encode(hashes, 0)
	return &pack, err
}
