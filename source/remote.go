package source

import (
	"context"
	"errors"

	"github.com/go-git/go-git/v5/plumbing"
)

// remote is a repository somewhere. Its methods end when their context does.
type remote interface {
	// head asks for the commit of a branch. Without one the error is
	// ErrBranchMissing.
	head(ctx context.Context, branch string) (plumbing.Hash, error)
	// withCommit makes the content of a commit readable while read runs. When an object
	// turns out to be damaged, read is called a second time on a fresh copy. A
	// commit that is nowhere any more is ErrGone. The older commits are readable too;
	// no branch need be at them any more, but where one is nowhere to be had the error
	// is errLost.
	withCommit(ctx context.Context, commit plumbing.Hash, read func(*objects) error, older ...plumbing.Hash) error
	// push stores the objects and moves the branch from old (zero: it does not exist)
	// to tip, or does nothing: errRaced when the branch is not at old, ErrRefused
	// with the server's words when it is but may not be moved now.
	push(ctx context.Context, branch string, old, tip plumbing.Hash, made []newObject) error
}

func newRemote(a address, o Options, b *errSanitizer) (remote, error) {
	if a.scheme == schemeLocal {
		return &local{path: a.path}, nil
	}
	if o.CacheDir == "" {
		return nil, errors.New("a cache directory is needed")
	}
	var d dialer
	switch a.scheme {
	case schemeHTTP:
		d = newHTTPDialer(a, o.Auth, b)
	default:
		if o.Auth.SSHKey == "" || o.Auth.KnownHosts == "" {
			return nil, errors.New("ssh needs auth.ssh_key and auth.known_hosts")
		}
		d = &sshDialer{address: a, auth: o.Auth}
	}
	return &networkRemote{dialer: d, branch: o.Branch, cache: newCached(o.CacheDir), log: o.Logger}, nil
}

// newObject is an object that is to be stored.
type newObject struct {
	kind plumbing.ObjectType
	hash plumbing.Hash
	data []byte
}

func makeObject(kind plumbing.ObjectType, data []byte) newObject {
	return newObject{kind: kind, hash: plumbing.ComputeHash(kind, data), data: data}
}

func (m newObject) encoded() (plumbing.EncodedObject, error) {
	obj := &plumbing.MemoryObject{}
	obj.SetType(m.kind)
	_, err := obj.Write(m.data)
	return obj, err
}
