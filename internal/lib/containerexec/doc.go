// Package containerexec is for one container that somebody else made: it tells what that
// is now, runs a command in it, and waits until the engine knows how the command ended.
// Start with New for a container by name, or with Run. ExitCode is the wait alone, for a
// command that somebody else started.
package containerexec
