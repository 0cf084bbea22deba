// Package accesslog reads the access logs that Nginx writes for apps, and sums up what
// people got of each color. It is the evidence that a release is watched by.
//
// Start with Meter.Traffic (meter.go), which holds the sums. log.go reads each line of a
// log once, however the file is rotated; line.go understands a line.
package accesslog
