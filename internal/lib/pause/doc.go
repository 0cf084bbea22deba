// Package pause says how long to wait between two tries of what failed: longer each
// time, and not for everybody the same. Start with Growing.
package pause
