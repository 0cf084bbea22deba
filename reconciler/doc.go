// Package reconciler is the heart of tandem.
package reconciler
