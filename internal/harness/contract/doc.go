// Package contract says, as tests, what reconciler/ports.go promises. The ports that change
// the world have a suite here: Router, Stacks, and for Git Poller, Exporter and Publisher.
// Each suite runs against the fake and against the adapter, so that the tests of the runner,
// which see fakes only, prove something of the real world.
//
// Start with Router, the longest one. A suite gets a bed, which holds the port and the
// levers of the world around it: a file that somebody edits, a commit that somebody pushes.
// It asks for nothing that only one side can do; what an adapter does beyond the port is
// tested where the adapter is. The interfaces are declared anew, because the tests of
// reconciler use this package.
package contract
