// Package strictyaml reads the YAML that people write for tandem, and tells
// them everything that is wrong with it at once.
//
// # Where to start
//
// Parse turns bytes into a tree of Nodes. A Node knows its line and its path
// ("routes.api.ports.blue"), and reads itself into a Go value: Node.Mapping,
// Node.Get, Node.Text, Node.Int, Node.Duration and so on. Each reader reports
// what does not fit and leaves the target untouched, so that a caller that set
// its defaults first goes on and finds the next fault too.
//
// # What is refused
//
// A file that comes out of a repository may be hostile, and one that a tired
// person wrote may mean something else than it says. So there are bounds (size,
// number of tokens, depth) that are checked before the real parser sees the
// text, and no feature of YAML that makes one value stand for another: no
// anchors, aliases, merge keys, tags or directives, no second document, no key
// twice. Text that another YAML reader would take for a number, a boolean or
// nothing must be quoted: an unquoted 1.10 is the number 1.1.
//
// The package has no error type of its own: what is found goes to a Report.
package strictyaml
