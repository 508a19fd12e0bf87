// Package report writes traces for people: one line an exchange, the ladder of
// a conversation, findings. Whatever came from the network is made harmless to
// a terminal before it is written.
package report
