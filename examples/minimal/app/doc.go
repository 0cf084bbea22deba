// Command shop is the program that the example deploys. One binary plays every
// service of the Compose file; the first argument says which:
//
//	shop api                 the HTTP API: orders, a WebSocket echo, a health page
//	shop web                 the page that people see
//	shop worker              works in the background, publishes no port
//	shop store               keeps the orders, stands for the database
//	shop scheduler           must run once only, and records when it ran
//	shop migrate NAME        records that it ran, stands for a change of the schema
//	shop healthcheck URL     exits 0 when the URL answers 2xx: an image made from
//	                         scratch has no curl
//
// The environment says the rest; settings.go lists it. BREAK makes a release
// that goes wrong in one particular way (trouble.go), so that it can be seen
// what tandem does about it.
package main
