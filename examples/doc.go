// Package examples holds repositories that a user can copy. Each directory is
// one; the demo and the tests run the very same files, so none can rot.
// Start with shop. Copy writes one out.
package examples
