// Package demo plays tandem's whole story on this machine, unattended: a first
// deploy, a tag bump under load, a release that never gets traffic, reverts, and
// an agent that is killed in the middle of its work. Docker, Nginx, Git and the
// agent are the real ones, everything listens on loopback, and what it made is
// removed and looked for afterwards.
//
// Start with Run; the chapters are in story.go. Remove takes down a demo that
// was left running.
package demo
