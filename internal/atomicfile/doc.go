// Package atomicfile replaces and removes files so that a reader, or a machine
// that loses power, sees the old state or the new one and nothing between.
// Start with Write.
package atomicfile
