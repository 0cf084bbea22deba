// Package compose runs the stacks of an app: it brings them up,
// observes, stops and examines them. The files are read by package project.
//
// The Compose SDK acts (create and start in dependency order, stop), the
// engine's own client observes, and pulls. Nothing is remembered between two
// calls: labels on the containers tell everything (see project.LabelApp), so that a
// stack can be observed and stopped when its files are gone.
//
// # Where to start reading
//
// Client.Resolve (resolve.go) has package project read the files, and asks the engine for
// what they do not tell. Up (up.go) is the one way to change a stack: it heals a stack
// that has the release already (heal.go) and replaces one that has another, once the
// shared stack is ready for it (shared.go, sharedhealth.go). Observe (observe.go) is how
// anybody knows what is there.
//
// # What may be asked of the host
//
// A Compose file is judged twice: by the rules of package project, and by what the engine
// was asked for. Everything that is asked of it passes guard.go, and judge.go looks at each
// container once more between its creation and its start: what was forgotten in a rule is
// caught there.
//
// # What a stack is
//
// A stack is the Compose project <app>-<color>; the shared stack is the project
// <app>-shared. Networks and volumes are never removed.
package compose
