// Package quicwire follows QUIC version 1 and 2 connections (RFC 9000, RFC
// 9001, RFC 9369) in the datagrams of a capture: what their Initial packets
// show to anyone, and the rest where the TLS secrets are known.
package quicwire
