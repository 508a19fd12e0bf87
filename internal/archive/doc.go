// Package archive reads what browsers and debugging proxies export as traces. A
// fact that the format cannot say is left unknown.
package archive
