// Package guard stands between the Compose SDK and the engine, and lets a container have
// of this host only what the host's policy allows. It is the second look: the first is
// that of package project at the Compose file, and a rule that was forgotten there is
// caught here.
//
// Start with Engine (guard.go), which the SDK takes for the engine: a request is judged
// before it is sent, and the container that the engine made of it before it is started.
// judge.go says what of a container is not allowed, mounts.go and addresses.go the same
// for what it mounts and for the addresses of its networks, by the lists of package
// policy. hooks.go runs the commands of post_start and pre_stop.
package guard
