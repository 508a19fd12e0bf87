//go:build race

package filter

// raced: the race detector runs, which takes things out of pools at random.
const raced = true
