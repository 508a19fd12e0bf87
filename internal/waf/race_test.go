//go:build race

package waf_test

// raced: the race detector runs, under which Coraza takes several times as long.
const raced = true
