package atomicfile

var interrupt = func(after bool, path string) error { return nil }

// Change makes one change of a file or a directory: it calls do, and returns its error.
// Whatever a crash must not garble is changed by this, so that the tests of what a full
// disk or a kill leaves behind find each such moment by themselves.
func Change(path string, do func() error) error {
	if err := interrupt(false, path); err != nil {
		return err
	}
	if err := do(); err != nil {
		return err
	}
	return interrupt(true, path)
}

// Interrupt sets, for the process, what is asked before and after each change; its error
// becomes that of Change. It is for those tests, which use it by way of
// internal/harness/testbed/faultfs; it returns what was asked until then.
func Interrupt(ask func(after bool, path string) error) (before func(after bool, path string) error) {
	before, interrupt = interrupt, ask
	return before
}
