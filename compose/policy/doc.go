// Package policy knows what a Compose file, and a container that the engine made of it,
// may ask of this host. It only knows: package project judges a file by it, and package
// guard each request to the engine.
//
// Start with Host (policy.go): what the host's policy.allow lists. options.go lists what
// is harmless, so that it needs no word in the policy; what nobody has looked at yet is
// not harmless. names.go knows which names the engine has, and which of them belong to
// another stack.
package policy
