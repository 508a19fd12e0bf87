// Package bind keeps exact IP:port listeners, started and stopped one by one,
// reference-counted, and explains a refusal.
package bind
