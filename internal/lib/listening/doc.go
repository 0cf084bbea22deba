// Package listening tells which programs of this host have ports: On, who takes
// connections to those of 127.0.0.1, and Holder, who keeps others from having one.
package listening
