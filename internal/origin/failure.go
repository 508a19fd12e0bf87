package origin

import (
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"syscall"
	"time"

	"fanlight/internal/cert"
	"fanlight/internal/flow"
	"fanlight/internal/httpconn"
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
	Err     error
	Status  int  // to answer the client with
	Dead    bool // a reused connection died before a byte of the response came
}

func (f *Failure) Error() string {
	verb := map[string]string{
		PhaseResolve: "resolve", PhaseConnect: "connect to", PhaseTLS: "shake hands with",
		PhaseSend: "send request to", PhaseFirstByte: "wait for", PhaseBetween: "read response of",
	}[f.Phase]
	switch {
	case f.Timeout && f.Phase == PhaseFirstByte:
		return fmt.Sprintf("wait for %s: no response within %s (timeout: first byte)", f.Origin, f.Limit)
	case f.Timeout:
		return fmt.Sprintf("%s %s: not done within %s (timeout: %s)", verb, f.Origin, f.Limit, strings.ReplaceAll(f.Phase, "-", " "))
	case f.Reason != "":
		return fmt.Sprintf("%s %s: %s", verb, f.Origin, f.Reason)
	}
	return fmt.Sprintf("%s %s: %s", verb, f.Origin, plain(f.Err))
}

func (f *Failure) Unwrap() error { return f.Err }

// plain drops Go's wrapping that repeats the address.
func plain(err error) string {
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		return "connection refused"
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return "the origin reset the connection"
	case errors.Is(err, io.ErrUnexpectedEOF):
		return "the origin closed before the end of its response"
	case errors.Is(err, io.EOF):
		return "the origin closed without a response"
	}
	return err.Error()
}

func (o *Origin) recordTimeout(log *flow.Log, x flow.ExchangeID, phase string, limit time.Duration) {
	log.Add(flow.Event{At: time.Now(), Exchange: x, Kind: flow.Timeout, Text: phase,
		Attrs: flow.Attrs(flow.KeyLimit, strconv.FormatInt(limit.Milliseconds(), 10))})
}

// Fail turns an error of an exchange on this connection into a Failure,
// records it and closes the connection.
func (c *Conn) Fail(x flow.ExchangeID, phase string, err error) *Failure {
	o := c.origin
	f := &Failure{Origin: o.Name, Phase: phase, Err: err, Status: 502}
	switch {
	case c.stopped.Load():
		f.Err = errInterrupted // our own doing: no timeout fired
	case tap.IsTimeout(err):
		f.Timeout, f.Status = true, 504
		f.Limit = o.limit(phase)
		o.recordTimeout(c.Log(), x, phase, f.Limit)
	case errors.Is(err, httpconn.ErrBadResponse):
	case c.cut.Load():
		f.Reason = errRenegotiationLimit.Error()
	default:
		c.classify(f, err)
	}
	f.Dead = c.Served() > 1 && !c.Answered() && !f.Timeout && !c.stopped.Load() && f.Fault == "" && !c.AskedLate()
	c.Close(f.Error())
	return f
}

var errInterrupted = errors.New("the exchange was given up")

// classify looks whether TLS ended the exchange: the origin's alert, or our
// own refusal of a renegotiation.
func (c *Conn) classify(f *Failure, err error) {
	if _, secure := c.TLSState(); !secure {
		return
	}
	fault, attrs := cert.Classify(err, nil)
	if fault == "" || fault == flow.FaultReset || fault == flow.FaultTimeout {
		return
	}
	f.Fault = fault
	for _, a := range attrs {
		if a.Key == flow.KeyReason {
			f.Reason = a.Value
		}
	}
	c.Log().Add(flow.Event{At: time.Now(), Kind: flow.TLSFailed, Text: f.Reason, Attrs: attrs})
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
