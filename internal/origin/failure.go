package origin

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"syscall"
	"time"

	"fanlight/internal/cert"
	"fanlight/internal/flow"
	"fanlight/internal/httpconn"
	"fanlight/internal/httpwire"
	"fanlight/internal/tap"
)

// Phases of an exchange with an origin, as failures and timeouts name them.
const (
	PhaseResolve   = "resolve"
	PhaseConnect   = "connect"
	PhaseTLS       = "tls"
	PhaseSend      = "send"
	PhaseFirstByte = "first-byte"
	PhaseBetween   = "between-bytes"
)

// Failure is an exchange with an origin that did not come to a whole response.
type Failure struct {
	Origin  string
	Phase   string
	Timeout bool
	Limit   time.Duration // of the timeout that fired
	Fault   string        // class of a TLS failure
	Reason  string        // what to say instead of Err
	Fix     string        // the way out, if one is known
	Late    bool          // the origin had asked for a renegotiation
	Given   bool          // we gave the exchange up: Interrupt or the context's end
	Err     error
	Status  int  // to answer the client with
	Dead    bool // a reused connection died, by no fault of the request, before a byte of the response came

	Unprocessed bool // the origin says that it has not acted on the request: any can be sent again
	WantsHTTP1  bool // the origin wants HTTP/1.1, and gets it from now on
}

func (f *Failure) Error() string {
	text := verb(f.Phase) + " " + f.Origin + ": " + f.what()
	if f.Fix != "" {
		text += "; " + f.Fix
	}
	return text
}

func verb(phase string) string {
	switch phase {
	case PhaseResolve:
		return "resolve the name of"
	case PhaseConnect:
		return "connect to"
	case PhaseTLS:
		return "shake hands with"
	case PhaseSend:
		return "send request to"
	case PhaseBetween:
		return "read response of"
	}
	return "wait for"
}

func (f *Failure) what() string {
	switch {
	case f.Timeout && f.Reason != "":
		return f.Reason + " (timeout: " + f.Phase + ")"
	case f.Timeout && f.Late:
		return fmt.Sprintf("no response within %s (timeout: first byte) after it asked for a renegotiation", f.Limit)
	case f.Timeout && f.Phase == PhaseFirstByte:
		return fmt.Sprintf("no response within %s (timeout: first byte)", f.Limit)
	case f.Timeout:
		return fmt.Sprintf("not done within %s (timeout: %s)", f.Limit, strings.ReplaceAll(f.Phase, "-", " "))
	case f.Dead && !errors.As(f.Err, new(*httpconn.StreamEnd)): // whose reason says more
		return "the origin closed the kept-alive connection as the request arrived"
	case f.Reason != "":
		return f.Reason
	}
	return plain(f.Err)
}

func (f *Failure) Unwrap() error { return f.Err }

// plain drops Go's wrapping that repeats the address.
func plain(err error) string {
	var sys syscall.Errno
	var dns *net.DNSError
	switch {
	case errors.As(err, &dns):
		return dns.Err
	case errors.Is(err, syscall.ECONNREFUSED):
		return "connection refused"
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return "the origin reset the connection"
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		return "the origin closed before the end of its response"
	case errors.As(err, &sys):
		return sys.Error()
	}
	return err.Error()
}

func (o *Origin) recordTimeout(log *flow.Log, x flow.ExchangeID, phase string, limit time.Duration) {
	log.Add(flow.Event{At: time.Now(), Exchange: x, Kind: flow.Timeout, Text: phase,
		Attrs: flow.Attrs(flow.KeyLimit, strconv.FormatInt(limit.Milliseconds(), 10))})
}

func (o *Origin) headTooLarge(f *Failure) {
	f.Reason = "the head of its response is larger than " + strconv.Itoa(cmp.Or(o.HeadBytes, 256<<10)) + " bytes"
	f.Fix = "if it must be, raise `limits: {response_header_bytes: ...}` of the route"
}

// Fail turns an error of an exchange on this connection into a Failure,
// records it and closes the connection.
func (c *Conn) Fail(x flow.ExchangeID, phase string, err error) *Failure {
	o := c.origin
	f := &Failure{Origin: o.Name, Phase: phase, Err: err, Status: 502}
	switch {
	case c.stopped.Load():
		f.Err, f.Given = errInterrupted, true // our own doing: no timeout fired
	case tap.IsTimeout(err):
		f.Timeout, f.Status = true, 504
		f.Limit = o.limit(phase)
		f.Late = phase == PhaseFirstByte && c.AskedLate()
		o.recordTimeout(c.Log(), x, phase, f.Limit)
	case phase == PhaseFirstByte && errors.Is(err, httpwire.ErrHeadTooLarge):
		o.headTooLarge(f)
	case errors.Is(err, httpconn.ErrBadResponse):
	case c.cut.Load():
		f.Reason = "the origin asked for a second renegotiation in one exchange"
		f.Fix = "`renegotiation: once` allows one, set `renegotiation: freely` if the origin must ask again"
	case phase == PhaseFirstByte && (errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)):
		f.Reason = "the origin closed without a response"
		if c.Answered() {
			f.Reason = "the origin closed inside the head of its response"
		}
	default:
		c.judge(f, err)
	}
	f.Dead = c.Served() > 1 && !c.Answered() && !f.Timeout && !c.stopped.Load() && f.Fault == "" && !c.AskedLate()
	c.Close(f.Error())
	return f
}

var errInterrupted = errors.New("the exchange was given up")

// judge looks whether TLS ended the exchange: the origin's alert, or our own
// refusal of a renegotiation.
func (c *Conn) judge(f *Failure, err error) {
	if c.secure == nil {
		return
	}
	switch fault, _ := cert.Classify(err, nil); fault {
	case "", flow.FaultReset, flow.FaultTimeout:
		return
	case flow.FaultNoRenegotiation:
		f.Fault = fault
		f.Reason = "the origin asked for a renegotiation (mostly to get a client certificate) and `renegotiation: never` refuses it"
		f.Fix = "set `renegotiation: once` on this route, or let the origin ask in its first handshake"
		c.Log().Add(flow.Event{At: time.Now(), Kind: flow.TLSFailed, Text: f.Reason, Attrs: flow.Attrs(flow.KeyFault, fault)})
		return
	}
	f.judge(c.Log(), err)
}

// judge takes over and records what an error of TLS means.
func (f *Failure) judge(log *flow.Log, err error) {
	fault, attrs := cert.Classify(err, nil)
	f.Fault, f.Reason, f.Fix = fault, err.Error(), wayOut(fault)
	for _, a := range attrs {
		if a.Key == flow.KeyReason {
			f.Reason = a.Value
		}
	}
	log.Add(flow.Event{At: time.Now(), Kind: flow.TLSFailed, Text: f.Reason, Attrs: attrs})
}

// wayOut names what in the route's configuration may be the answer to a fault.
func wayOut(fault string) string {
	switch fault {
	case flow.FaultUnknownIssuer:
		return "if that issuer is to be trusted, name its certificate in `tls.ca`"
	case flow.FaultWrongName:
		return "if it is the right server, say the name it has in `tls.name`"
	case flow.FaultExpired:
		return "renew the origin's certificate"
	case flow.FaultVersion:
		return "`tls.min` and `tls.max` say which versions are offered"
	case flow.FaultCipher:
		return "an old server may need `tls.legacy: true`"
	case flow.FaultNotTLS:
		return "write `http://` in `to` if the origin speaks no TLS"
	}
	return ""
}

func (o *Origin) limit(phase string) time.Duration {
	switch phase {
	case PhaseSend:
		return o.Timeouts.Send
	case PhaseFirstByte:
		return o.Timeouts.FirstByte
	case PhaseBetween:
		return o.Timeouts.Between
	}
	return 0
}

// IsTimeout reports whether an error of a connection is a deadline that fired.
func IsTimeout(err error) bool { return tap.IsTimeout(err) }
