// Package probe asks a route of a stack for its health over HTTP, directly and
// not through Nginx. Start with Prober.
package probe
