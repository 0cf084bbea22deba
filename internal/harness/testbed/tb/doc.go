// Package tb is testbed for tests: what it makes is closed when the test ends,
// and what goes wrong ends the test. Start with Engine, Registry and Nginx.
package tb
