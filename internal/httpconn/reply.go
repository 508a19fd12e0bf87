package httpconn

import (
	"fmt"
	"io"
)

// reply is how far the response of an exchange has come, whatever carries it.
type reply struct {
	responded bool
	finished  bool
	noBody    bool  // by HEAD, 204 or 304
	length    int64 // declared; -1: not
	sent      int64
	tooLong   bool // the handler wrote more than it declared
}

// admit refuses a part of the body that cannot follow what was sent.
func (r *reply) admit(p []byte) error {
	switch {
	case !r.responded || r.finished:
		return errNotOpen
	case !r.noBody && r.length >= 0 && int64(len(p)) > r.length-r.sent:
		r.tooLong = true
		return errTooLong
	}
	return nil
}

// short tells why the response cannot be finished as it is; err is nil if it can.
func (r *reply) short() (why string, err error) {
	switch {
	case !r.responded:
		return "no response", errNotOpen
	case r.tooLong:
		return fmt.Sprintf("response body is longer than the %d bytes declared", r.length), errTooLong
	case !r.noBody && r.length >= 0 && r.sent != r.length:
		return fmt.Sprintf("response body ended after %d of %d bytes", r.sent, r.length), io.ErrUnexpectedEOF
	}
	return "", nil
}
