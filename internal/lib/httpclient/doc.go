// Package httpclient makes clients that ask whom they are told to ask, and nobody else:
// none follows a redirect. Start with ThisHost.
package httpclient
