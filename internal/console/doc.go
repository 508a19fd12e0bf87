// Package console is the door's window: one JSON API, an event stream and the
// embedded pages, served on loopback behind a token, and without one on the
// control socket.
package console
