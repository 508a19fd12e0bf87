// Package explain runs rules over a trace and gives findings: named causes
// with their evidence, how sure they are, and what each side could change.
//
// A finding is a function of a trace. Rules see only package flow, so that a
// rule proven on the live door works on anybody's capture.
package explain
