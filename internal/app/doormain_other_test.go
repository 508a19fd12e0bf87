//go:build !linux

package app_test

const asDoor = "FANLIGHT_TEST_AS_DOOR"

func doorMain([]string) int { panic("doors of processes of their own are for Linux only") }
