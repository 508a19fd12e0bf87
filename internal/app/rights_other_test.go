//go:build !linux

package app_test

import "testing"

func dropBindRight(t *testing.T) { t.Skip("rights to ports can be dropped on Linux only") }
