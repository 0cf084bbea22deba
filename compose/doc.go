// Package compose runs the stacks of an app: it brings them up, observes, stops and
// examines them. Package project reads the files, and package guard stands between the
// Compose SDK and the engine.
//
// The Compose SDK acts (create and start in dependency order, stop), the engine's own
// client observes, and pulls. Nothing is remembered between two calls: labels on the
// containers tell everything (labels.go, and project.LabelApp), so that a stack can be
// observed and stopped when its files are gone.
//
// # What a stack is
//
// A stack is the Compose project <app>-<color>; the shared stack is the project
// <app>-shared. Volumes are never removed, and networks only when they are in nobody's way
// (networks.go).
//
// # Where to start reading
//
//   - Resolve (resolve.go) has package project read the files, and asks the engine for what
//     they do not tell.
//   - Observe (observe.go) is how anybody knows what is there.
//   - Up (up.go) is the one way to change a stack. It replaces one that has another release,
//     and heals one that has this release already (heal.go, unstartable.go, unpublished.go).
//     Before that the shared stack is made ready (shared.go, sharedhealth.go), and images are
//     pulled (pull.go).
//   - StartSingletons and StopSingletons (singletons.go), Migrate (migrate.go), Stop and
//     RemoveStack (stop.go) do the rest that a deploy needs.
//   - Health and Logs (examine.go), Usage (usage.go) and Events (events.go) watch what runs.
//
// # Errors
//
// A release that cannot run is a *deploy.RejectError, what may be over in a minute a
// *deploy.TemporaryError. rejection.go and pullerror.go tell these apart in the words of
// the engine; engine.go knows an engine that is away.
package compose
