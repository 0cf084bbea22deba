// Package source is the git side of tandem: the desired state comes in through
// Repo.Poll and Repo.Export, the status goes out through Repo.Publish. It
// implements the ports Poller, Exporter, Publisher and Reverter of reconciler, and needs
// no git program on the host.
//
// Start reading at repo.go (Poll), then publish.go. What differs between a
// repository on this machine (local.go) and one behind http or ssh (wire.go) is
// behind the small interface remote.
//
// A few decisions hold everywhere:
//
//   - There is no work tree. Files are read from the tree of a commit, and a
//     status commit is built from objects on top of the branch's newest head.
//   - The local copy of a remote repository is a cache and nothing else. It holds
//     single commits without their history. Every object that is read is checked
//     against its hash; when anything is odd the cache is replaced by a fresh one,
//     once, before an error is returned. It may be deleted at any time. A
//     repository on this machine is read where it is and has no cache.
//   - A branch is moved by compare-and-swap, never by force: the push names the
//     commit that the new one was built on, and the server (or, for a local
//     repository, the same lock file that git uses) refuses it when somebody was
//     faster. Then it is built again on what they pushed.
//   - An app's directory ends where the directory of another app begins, and does
//     not contain the status files that tandem writes. Both are left out of
//     AppFile.Tree and of Export alike, so that equal trees export equal files.
//   - Where commits have to be verified (trust.go), one that is not changes nothing:
//     the last one that was stays in force, which is remembered in a file of its own
//     (record.go), as are the commits that this agent made itself.
//   - No error, log line or message of this package holds a credential.
//
// A local repository's owner may be nobody whom root should obey, and can put a link, a
// pipe or a file without end into the place of anything in it. So it is reached by the
// methods of gitDir alone (gitdir.go), below a descriptor; go-git only reads it, by way of
// repofs.go.
//
// The hooks of a local repository are not run: they belong to whoever owns its
// directory, and tandem may be root. Publish refuses to go past a pre-receive or
// update hook, because that would bypass a protection; reach such a repository
// over ssh instead.
package source
