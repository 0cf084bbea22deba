// Package project makes of an app's Compose files what is run: a Compose project for each
// color, the migrations, and one for the shared stack. It asks no engine, and is all that
// `tandem validate` needs.
//
// # Where to start reading
//
// Loader.Load (loader.go) returns a Resolution (resolution.go), or deploy.Faults: all that
// is wrong with the files, each with file, line and what to write instead. On the way
//
//   - another process loads the files first, and is ended when they take too much
//     (trial.go, trial_process.go);
//   - package composefile loads the file of the stack once for each color, and the shared
//     one once;
//   - what is too much for one app is refused (budget.go);
//   - the rules refuse what cannot run twice on one host, or asks for more of the host
//     than its policy allows (rules.go, ports.go, mounts.go, names.go, datauses.go and
//     the other *rules.go);
//   - migrations get projects of their own (selection.go);
//   - the rest is hashed, with the files that it mounts: the hash is the release
//     (release.go, content.go).
//
// The values of secrets are left out all that time. Resolution.SubstituteSecrets puts them
// in, when the projects go to the engine.
//
// # What the other packages need besides
//
// Package policy lists what is harmless to a host, and what the host can allow. The rules
// judge a Compose file by it, and package guard judges by the same lists what is sent to
// the engine. labels.go and servicelist.go are what a container says about its stack, and
// datauses.go says who writes where.
package project
