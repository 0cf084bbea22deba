// Command licenses writes docs/licenses.md: every module whose code is in the
// tandem binary, with its version and its licences as SPDX names them. The texts
// are read from the module cache. Run it with `make licenses` when a dependency
// changes; a test in internal/harness/readme tells when that was forgotten.
//
// Start with run in main.go. modules.go asks Go what is in the binary, scan.go
// recognises the texts, page.go writes them down.
package main
