// Package flow is what happened on connections, as data: events, the traces
// they fold into, and a text form that parses back.
//
// It has no clock, no sockets and no opinion. Sources (the live door, captures,
// archives) emit Events; Fold turns them into a Trace; everything downstream
// reads Traces and cannot tell where they came from except by their Source.
//
// The zero value of every fact means "not observed".
package flow
