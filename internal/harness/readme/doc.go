// Package readme holds the tests that keep the README and the guides in docs
// true: what they show is parsed, loaded and looked up in the code. It has no
// code of its own.
//
// Start in readme_test.go, which lists the checks. planted_test.go shows that
// each of them can fail.
package readme
