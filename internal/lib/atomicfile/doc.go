// Package atomicfile replaces and removes files so that a reader, or a machine
// that loses power, sees the old state or the new one and nothing between.
// Start with Write. Change is for what is not one file: it is where tests let a full
// disk or a kill happen.
package atomicfile
