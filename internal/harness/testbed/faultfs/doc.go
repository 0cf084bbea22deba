// Package faultfs lets a full disk, and a kill of the process, happen at each change
// of a file that a story makes, one after the other, so that no moment is chosen by
// hand. Start with Each. What it can disturb is what goes through atomicfile.Change, and
// what else asks Disk.Interrupt.
package faultfs
