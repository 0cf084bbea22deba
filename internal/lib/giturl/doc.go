// Package giturl reads the addresses that git takes for a repository: URLs, git's short
// form of ssh (user@host:path), and paths of this host. Start with Parse.
package giturl
