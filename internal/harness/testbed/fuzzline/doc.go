// Package fuzzline holds what fuzz targets read to a line of memory and time: a
// kilobyte that somebody else wrote must not cost gigabytes, whatever is in it.
// Start with Line.Hold.
package fuzzline
