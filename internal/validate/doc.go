// Package validate makes the agent's checks on files of this machine, for `tandem
// validate`. It needs neither Docker nor Nginx nor git, and links none of them.
//
// Start with Files. Trial is how the program reads Compose files once more in a process of
// its own, which is bounded.
package validate
