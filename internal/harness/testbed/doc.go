// Package testbed gives tests and the demo real parts on loopback: an image
// registry, an Nginx of one's own, images, free ports. Nothing here is a
// fake: the registry is Debian's docker-registry, Nginx is Nginx, an image is
// one that the Docker engine runs.
//
// Start with Require, which names every program that is missing and the
// package that has it. Then take the parts that are needed: NewEngine,
// NewRegistry, NewNginx, ReservePorts. Each has a Close that ends its
// processes, by process id, and removes its files; a process that is started
// here also ends when the one that started it dies, unless it is Detached.
// Images come from ImageBuilder and Derived, which can put them into a registry
// without an engine, or from Engine.Build.
//
// The package does not import testing, so that the demo command can use it.
// Tests use the sub-package tb, which closes everything by itself.
package testbed
