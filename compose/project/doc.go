// Package project reads the Compose files of an app and makes of them what is run: a
// project for each color, the migrations, and one for the shared stack. It asks no engine,
// and is all that `tandem validate` needs.
//
// # Where to start reading
//
// Loader.Load (loader.go) has another process load the files first (trial.go, try.go),
// counts what they make (sizes.go, growth.go, budget.go), loads a file once for each color
// (project.go), refuses what cannot run twice on one host (rules.go, ports.go) or asks for
// more of the host than its policy allows (policy.go), and hashes the rest (release.go).
// The result is a Resolution.
//
// # What may be asked of the host
//
// The rules (rules.go, hostrules.go, mounts.go, externalrules.go, names.go) look at what a
// file says, and tell file, line and what to write instead. options.go lists what is
// harmless; all else needs the policy. How much a file may become is bounded by budget.go,
// and by a trial in another process (trial.go). Package compose judges once more what the
// engine has made of it.
package project
