// Package testnet is support for tests only: an in-memory network, certificates,
// golden files, and scripted peers that do on demand what real servers will not.
//
// Every peer is a struct of options with a Start method that listens on a
// loopback address, gives an Origin, and is closed by the test's cleanup.
package testnet
