package atomicfile

// Interrupt sets what is asked before and after each change of a file.
func Interrupt(f func(after bool, path string) error) { interrupt = f }
