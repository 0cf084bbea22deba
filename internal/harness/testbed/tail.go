package testbed

import "os"

// tail returns the end of a log file for an error message, and says so when
// there is none to read.
func tail(path string) string {
	data, err := os.ReadFile(path)
	if err != nil {
		return err.Error()
	}
	const enough = 2000
	return string(data[max(0, len(data)-enough):])
}
