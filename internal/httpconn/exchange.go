package httpconn

import (
	"errors"
	"time"

	"fanlight/internal/flow"
	"fanlight/internal/httpwire"
)

// Request is what a client asked. The strings point into the connection's
// buffer and are valid until the exchange is finished.
type Request struct {
	Head    *httpwire.Head
	Method  string
	Target  string    // as received
	Host    string    // authority: host[:port] as received
	Path    string    // decoded, dot segments resolved; "*" stays, empty for authority form
	Upgrade string    // protocol of an Upgrade request, empty if none
	Length  int64     // of the body; 0: none; -1: not known before its end
	At      time.Time // when its head was read
}

// Exchange is one request and its response, whatever carries it. A handler
// calls Respond once, Write any number of times, and Finish; or Tunnel; or
// Truncate. Body reads and response writes may run concurrently with each
// other; otherwise one goroutine at a time.
type Exchange interface {
	Request() *Request
	ID() flow.ExchangeID
	Log() *flow.Log

	// ReadBody reads the request body, io.EOF at its end. The first call
	// answers Expect: 100-continue.
	ReadBody(p []byte) (int, error)
	// StopBody makes ReadBody, also one that waits, fail with ErrStopped. It may
	// be called from another goroutine; the exchange is then the last of its
	// connection, unless the body was read to its end.
	StopBody()
	// Buffered gives the body if all of it has arrived with the head.
	Buffered() (body []byte, all bool)
	// Trailers are the raw trailer lines, after ReadBody gave io.EOF.
	Trailers() []byte

	// Interim sends an interim (1xx) response with raw field lines.
	Interim(status int, fields []byte) error
	// Respond starts the response. fields are raw lines without framing
	// fields; length -1 is not known before the end.
	Respond(status int, reason string, fields []byte, length int64) error
	// Write sends a part of the response body; what would be longer than
	// declared is refused, and the response then truncated.
	Write(p []byte) (int, error)
	// Flush sends what was written so far.
	Flush() error
	// Finish ends the response; trailers are raw lines, mostly none.
	Finish(trailers []byte) error
	// Tunnel answers with a 101 (or a 2xx for CONNECT) and gives what the client
	// sends and takes from there on. The request body must have been read to its
	// end. The caller closes it.
	Tunnel(status int, fields []byte, protocol string) (ClientTunnel, error)
	// Truncate ends the connection so that the client can tell that the
	// response is not whole. It does nothing after Finish.
	Truncate(why string)
	// Responded reports whether Respond or Tunnel was called.
	Responded() bool
	// CloseAfter makes this the last exchange of its connection, if that carries
	// one at a time.
	CloseAfter(why string)
	// Multiplexed reports whether others share the connection at the same time:
	// nothing may be tied to it then.
	Multiplexed() bool
	// RequireHTTP1 ends an exchange that cannot share its connection and asks
	// the client to come again with HTTP/1.1 (RFC 9113, section 7). False: it is
	// HTTP/1.1 already, or the response has begun.
	RequireHTTP1(why string) bool
}

// ClientTunnel is the client's side of a tunnel. Closing it ends the exchange,
// and its connection where that carries one at a time.
type ClientTunnel interface {
	Tunnel
	Close() error
}

// Handler answers exchanges. When Handle returns, the exchange is over:
// a response that was not started is a fault of the handler.
type Handler interface {
	Handle(x Exchange)
}

// ErrStopped is what ReadBody gives after StopBody.
var ErrStopped = errors.New("request body no longer wanted")

// ErrBody is wrapped by errors of ReadBody that are the client's fault.
var ErrBody = errors.New("request body")
