// Package secrets opens the encrypted files of apps, and keeps what is in them out
// of every text that leaves the agent.
//
// Vault.Open decrypts, in memory: nothing of it is written anywhere. The Redactor
// remembers every value that was ever opened, and takes it out of texts. It stands
// where a text could have a value in it: around what comes from Docker and Compose
// (errors, logs of containers; see internal/agent), and before the agent's log
// (Redactor.Handler).
package secrets
