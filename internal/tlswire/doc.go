// Package tlswire parses TLS records and handshake messages, and decrypts them
// given a key log, an RSA private key or a PFX.
//
// Scanner and Handshakes read one direction of a stream as far as it is in
// clear; Session follows both and opens what it has Keys for.
//
// It follows RFC 8446 (TLS 1.3) and RFC 5246 (TLS 1.2), with RFC 4346, 2246 and
// 6101 for what came before. Decoders are tolerant: what a peer may not send
// but can still be read is read.
package tlswire
