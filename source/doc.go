// Package source is the git side of tandem: the desired state comes in through
// Repo.Poll and Repo.Export, the status goes out through Repo.Publish. It
// implements the ports Poller, Exporter, Publisher and Reverter of reconciler. It needs
// the git program for one thing only: to push to a repository on this machine.
//
// Start reading at repo.go (Poll), then revision.go (what a commit desires), export.go
// and publish.go. Beside them are revert.go, which takes a directory back to an older
// commit, and trust.go, which says whose commits count.
//
// What differs between a repository on this machine (local.go) and one behind http or ssh
// (network.go) is behind the small interface remote. Both push by sendpack.go; the other
// side of that is a server (http.go, ssh.go) or the git of this host (receivepack.go).
// Below all of it, objects.go reads objects and tree.go and builder.go make them.
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
//     repository, this host's git) refuses it when somebody was faster. Then it is
//     built again on what they pushed.
//   - An app's directory ends where the directory of another app begins, and does
//     not contain the status files that tandem writes. Both are left out of
//     AppFile.Tree and of Export alike, so that equal trees export equal files.
//   - Where commits have to be verified (trust.go), one that is not changes nothing:
//     the last one that was stays in force, which is remembered in a file of its own
//     (record.go), as are the commits that this agent made itself.
//   - No error, log line or message of this package holds a credential.
//
// A local repository's owner may be nobody whom root should obey, and can put a link, a
// pipe or a file without end into the place of anything in it. So it is read by the
// methods of gitDir alone (gitdir.go), below a descriptor, also by go-git (repofs.go).
// What is written there is written by git receive-pack, which runs as the owner
// (receivepack.go): so do the repository's hooks.
package source
