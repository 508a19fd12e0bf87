// Package machine reads, and on request changes, this computer: who holds a
// port, loopback addresses, the hosts file, trust stores.
package machine
