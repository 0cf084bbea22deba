// Package config reads the agent's own file, /etc/tandem/agent.yaml, and what
// flags and environment variables say instead.
//
// Start with Config, which is the file as a Go type, and Default, which is the
// file when it says nothing. Load puts a Config together: the defaults, then the
// file, then the variables (TANDEM_REPO_URL), then the flags (--repo-url); the
// later one wins. All three come from one table, settings, so that no key can
// lack its flag or its variable. Validate says everything that is wrong with a
// Config at once.
//
// Credentials are never in a Config, only the paths of the files that hold them.
package config
