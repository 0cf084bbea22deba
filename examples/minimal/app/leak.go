package main

import (
	"context"
	"os"
	"time"
)

const mebibyte = 1 << 20

// maxLeak is in MiB. A release that leaks is to be noticed, not to take the
// machine down that the test runs on.
const maxLeak = 2048

// leak takes so many MiB each second, and holds them, until ctx ends or the limit
// is reached. It returns what it holds.
func leak(ctx context.Context, perSecond, limit int) (held [][]byte) {
	for size := 0; size < limit && pause(ctx, time.Second) == nil; size += perSecond {
		held = append(held, touched(min(perSecond, limit-size)*mebibyte))
	}
	<-ctx.Done() // what is not held any more would be given back
	return held
}

// touched makes memory that the kernel counts: a page that nobody wrote to is not there.
func touched(size int) []byte {
	memory := make([]byte, size)
	for i := 0; i < size; i += os.Getpagesize() {
		memory[i] = 1
	}
	return memory
}
