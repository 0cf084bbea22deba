// Package load is a client that notices everything. It keeps connections to an
// HTTP server busy and WebSockets open, never tries anything twice, and
// reports each request that was not answered as it should be. With it the
// tests and the demo show that a flip costs nobody anything.
//
// It speaks HTTP/1.1 on its own connections, because the client of net/http
// quietly repeats a request when a kept-alive connection turns out to be
// closed, which is the very failure that a reload of Nginx causes. A connection
// whose close was announced in the answer before ("Connection: close") is
// opened again and is no failure; one that ends without a word is.
//
// Start with Run.
package load
