//go:build !unix

package machine

import (
	"fmt"
	"os"
	"time"
)

// lockBeside takes the lock on the file at path: a file beside it, which the
// holder keeps open and removes. It waits at most wait; a lock file that could
// be removed was left by a process that ended.
func lockBeside(path string, wait time.Duration) (unlock func(), err error) {
	name := path + ".fanlight-lock"
	for deadline := time.Now().Add(wait); ; time.Sleep(10 * time.Millisecond) {
		f, err := os.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
		if err == nil {
			return func() { f.Close(); os.Remove(name) }, nil
		}
		if time.Now().After(deadline) {
			return nil, fmt.Errorf("lock %s: %w", path, err)
		}
		_ = os.Remove(name) // refused as long as the holder has it open
	}
}
