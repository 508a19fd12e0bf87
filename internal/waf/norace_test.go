//go:build !race

package waf_test

const raced = false
