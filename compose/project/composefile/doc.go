// Package composefile loads one Compose file of an app, with all that it includes and
// extends, as a Compose project. It knows on which line everything stands, and reads
// nothing outside of the app's directory. Whether the project can be run is the question
// of package project.
//
// # Where to start reading
//
// OpenStack and OpenShared (file.go) find the file, and File.Resolve loads it. Before the
// Compose library may begin, references.go follows what the file includes and extends,
// growth.go counts what becomes of that when it is put together, and sizes.go bounds what
// is read at all. variables.go reads the files with variables and labels as the library
// would. loadfault.go turns what the library says into a fault with file and line, which
// source.go finds. SecretRefs (secretrefs.go) keep the values of secrets out of all that.
package composefile
