//go:build !unix

package cli

import "os"

// notifyUpgrade does nothing: there is no signal for it here.
func notifyUpgrade(chan<- os.Signal) {}
