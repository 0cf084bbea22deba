// Package containerexec runs a command in a container and waits until the engine knows
// how it ended. Start with Run. ExitCode is the wait alone, for a command that somebody
// else started.
package containerexec
