// Package lint holds the rules that no ready-made linter knows: which way the
// imports point, that everything is documented, and what must not be written
// anywhere. It has no code of its own, only tests, so that `go test ./...` is
// all it takes to keep the shape of the house.
//
// Start in house_test.go, which runs every rule over this module;
// arrows_test.go, docs_test.go and text_test.go hold one kind of rule each.
// planted_test.go builds a small module that breaks them all, and so shows that
// each of them can fail.
package lint
