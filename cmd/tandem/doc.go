// Command tandem is the agent and the command line of tandem, GitOps blue/green
// deployments on plain Docker and plain Nginx.
//
// One file a command, and no logic: what a command does is in internal/agent and
// internal/api, this package reads flags and prints. root.go assembles the
// commands; exit.go is the one place that knows exit codes, prints errors and
// exits; terminal.go is what everything that came from a repository or a log goes
// through before a person sees it.
package main
