// Package compose runs the stacks of an app: it resolves Compose files into
// releases, brings stacks up, observes, stops and examines them.
//
// The Compose SDK acts (create and start in dependency order, stop), the
// engine's own client observes, and pulls. Nothing is remembered between two
// calls: labels on the containers tell everything (see labels.go), so that a
// stack can be observed and stopped when its files are gone.
//
// # Where to start reading
//
// Resolve (resolve.go) has another process load the files first (trial.go, try.go),
// counts what they make (sizes.go, growth.go, budget.go), loads a Compose file once for
// each color (project.go), refuses what cannot run twice on one host (rules.go,
// ports.go) or asks for more of the host than its policy allows (policy.go), and hashes
// the rest (release.go). Up (up.go) is the one way to change a stack: it heals a stack
// that has the release already (heal.go) and replaces one that has another, once the
// shared stack is ready for it (shared.go, sharedhealth.go). Observe (observe.go) is how
// anybody knows what is there.
//
// # What may be asked of the host
//
// A Compose file is judged twice. The rules (rules.go, hostrules.go, mounts.go,
// externals.go, names.go) look at what it says, and tell file, line and what to write
// instead. Everything that is then asked of the engine passes guard.go, and judge.go
// looks at each container once more between its creation and its start: what was
// forgotten in a rule is caught there. options.go lists what is harmless; all else needs
// the policy. How much a file may become is bounded by budget.go, and by a trial in
// another process (trial.go).
//
// # What a stack is
//
// A stack is the Compose project <app>-<color>; the shared stack is the project
// <app>-shared. Networks and volumes are never removed.
package compose
