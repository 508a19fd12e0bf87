// Package crs sends the regression tests of the OWASP Core Rule Set to a
// running door, as a client would, and looks at what it says and does.
//
// It is a module of its own so that the program has nothing to do with what
// the runner of these tests needs.
package crs
