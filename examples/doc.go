// Package examples holds repositories that a user can copy. Each directory is
// one; the demo and the tests run the very same files, so none can rot.
// Start with minimal; shop is what it may grow into. Copy writes one out.
package examples
