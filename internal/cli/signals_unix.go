//go:build unix

package cli

import (
	"os"
	"os/signal"
	"syscall"
)

// notifyUpgrade has SIGUSR2 told, by which a door starts its program anew.
func notifyUpgrade(to chan<- os.Signal) { signal.Notify(to, syscall.SIGUSR2) }
