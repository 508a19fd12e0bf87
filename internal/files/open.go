package files

import (
	"errors"
	"fmt"
	"io/fs"
	"syscall"
)

var errNotRegular = errors.New("neither a file nor a folder")

// refusal maps a failed open to what the client is told. What is not an error
// number comes from os.Root, whose only objection is a path that leads out.
func refusal(err error) (*Response, error) {
	var number syscall.Errno
	switch {
	case errors.Is(err, errNotRegular):
		return refuse(404, errNotRegular.Error()), nil
	case errors.Is(err, fs.ErrPermission):
		return refuse(403, err.Error()), nil
	case errors.Is(err, fs.ErrNotExist), !errors.As(err, &number), absent(number):
		return refuse(404, err.Error()), nil
	}
	return nil, fmt.Errorf("serve file: %w", err)
}
