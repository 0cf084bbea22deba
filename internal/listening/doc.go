// Package listening tells which programs of this host take connections to ports
// of 127.0.0.1. On is all of it.
package listening
