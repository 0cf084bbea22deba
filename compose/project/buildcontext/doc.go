// Package buildcontext reads what an image is built from: a Dockerfile, and the files of a
// directory that its .dockerignore leaves in. The release's hash and the archive for the
// engine's builder are made of the same walk, so that what is built is what was hashed.
// Start with Open.
package buildcontext
