package cert

import (
	"crypto/tls"
	"errors"
	"net"
)

// alertOf takes the alert out of an error of crypto/tls; sent tells one that we
// sent from one that the peer did. The type crypto/tls uses for it is not
// exported, so it is recognised by its text.
func alertOf(err error) (code uint8, sent, ok bool) {
	var direct tls.AlertError
	if errors.As(err, &direct) {
		return uint8(direct), false, true
	}
	var wrapped *net.OpError
	if !errors.As(err, &wrapped) || wrapped.Err == nil || wrapped.Op != "remote error" && wrapped.Op != "local error" {
		return 0, false, false
	}
	text := wrapped.Err.Error()
	for i := range 256 {
		if tls.AlertError(i).Error() == text {
			return uint8(i), wrapped.Op == "local error", true
		}
	}
	return 0, false, false
}
