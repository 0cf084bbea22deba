// Package contract says, as tests, what reconciler/ports.go promises. Each port that has
// a fake has a suite here, which runs against the fake and against the adapter: so the
// tests of the runner, which see fakes only, prove something of the real world.
//
// Start with Router, the longest one. A suite gets a bed, which holds the port and the
// levers that the world around it has: a file that somebody edits, a commit that somebody
// pushes. It asks for nothing that only one side can do; what an adapter does beyond the
// port is tested where the adapter is.
//
// The interfaces are declared anew, because the tests of reconciler use this package. What
// they ask for less than the ports is not tried here.
package contract
