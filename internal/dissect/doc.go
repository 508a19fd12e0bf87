// Package dissect turns packets, and the secrets that open them, into the events
// that tap and httpconn would have emitted had they been there.
package dissect
