//go:build !unix

package oracle

import (
	"errors"
	"os"
)

func suspend(*os.Process) error { return errors.ErrUnsupported }
