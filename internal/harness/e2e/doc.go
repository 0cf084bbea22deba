// Package e2e holds the end-to-end tests: a real agent on a real Docker engine,
// a real Nginx and a real Git repository, with what people do on one side and
// what users of the app see on the other. They read like the promises that
// they keep. Start with TestStory and with the world in world_test.go.
package e2e
