package probe

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"syscall"

	"fanlight/internal/cert"
	"fanlight/internal/flow"
	"fanlight/internal/httpconn"
	"fanlight/internal/origin"
)

// plain says an error without what the step's line says already.
func plain(err error) string {
	var dns *net.DNSError
	var sys syscall.Errno
	var failure *origin.Failure
	switch {
	case errors.As(err, &dns):
		return dns.Err
	case errors.Is(err, syscall.ECONNREFUSED):
		return "connection refused"
	case errors.Is(err, os.ErrDeadlineExceeded):
		return "no answer in time"
	case errors.Is(err, httpconn.ErrBadResponse):
		return err.Error()
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return "the server reset the connection"
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		return "the server closed before the end of its response"
	case errors.As(err, &sys):
		return sys.Error()
	case errors.As(err, &failure) && failure.Err != nil:
		return failure.Err.Error()
	}
	return err.Error()
}

// handshakeFault says why a connection or its handshake failed.
func (w *way) handshakeFault(err error) string {
	var failure *origin.Failure
	if errors.As(err, &failure) {
		switch {
		case failure.Timeout:
			return fmt.Sprintf("not done within %s", w.Timeout)
		case failure.Phase == origin.PhaseConnect:
			return plain(err)
		}
	}
	_, attrs := cert.Classify(err, nil)
	for _, a := range attrs {
		if a.Key == flow.KeyReason {
			return strings.ReplaceAll(a.Value, "the peer", "the server")
		}
	}
	return plain(err)
}

// aboutCertificate tells that a handshake failed because of the server's
// certificate, so that it goes on if that is not looked at.
func aboutCertificate(err error) bool {
	var failure *origin.Failure
	if !errors.As(err, &failure) {
		return false
	}
	switch failure.Fault {
	case flow.FaultUnknownIssuer, flow.FaultWrongName, flow.FaultExpired, flow.FaultNotYetValid, flow.FaultKeyUsage:
		return true
	}
	return false
}
