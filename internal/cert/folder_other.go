//go:build !unix

package cert

import (
	"io/fs"
	"os"
)

// modesGuard is false: the folder inherits the access list of the one it is in.
const modesGuard = false

// tryLock does nothing: here, two processes must not make the same CA at once.
func tryLock(*os.File) error { return nil }

func foreignOwner(fs.FileInfo) (uid int, foreign bool) { return 0, false }
