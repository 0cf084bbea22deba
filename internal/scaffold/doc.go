// Package scaffold makes a first tandem.yaml for a Compose file that people have already.
// It is what `tandem init` does.
//
// # Where to start reading
//
// Read (read.go) loads the Compose files of a directory, also where variables have no value
// and files are missing: variables.go lists the ones, missing.go the others. Propose
// (propose.go) makes a Proposal of it, and asks neither a person nor the host: which
// services are stores, proxies and tools (images.go, roles.go), which are reached by people
// and where (routes.go, ports.go, health.go), which belong to which group (groups.go), and
// what the tag is (tag.go). Each answer has a reason, for the person who reads the file.
// Ask (ask.go) lets a person change it, Render (render.go) writes it as text, and Todo
// (todo.go) lists what is left to do on this host.
//
// A guess may be wrong. Nothing is ever guessed about a value of a variable or a secret.
package scaffold
