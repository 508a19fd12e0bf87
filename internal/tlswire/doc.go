// Package tlswire parses TLS records and handshake messages, of one direction
// of a stream at a time, as far as they are in clear.
//
// It follows RFC 8446 (TLS 1.3) and RFC 5246 (TLS 1.2), with RFC 4346, 2246 and
// 6101 for what came before. Decoders are tolerant: what a peer may not send
// but can still be read is read.
package tlswire
