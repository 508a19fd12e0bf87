package probe

import (
	"context"
	"crypto/tls"
	"net/netip"
	"time"

	"fanlight/internal/flow"
	"fanlight/internal/origin"
)

// late tells whether the server asks for a new handshake after the request,
// which it can do in TLS 1.2 and below, mostly to get a client certificate.
func (w *way) late(ctx context.Context, addr netip.AddrPort, first visit) {
	if ctx.Err() != nil {
		return
	}
	if first.version == 0 || first.version >= tls.VersionTLS13 {
		w.lateVisit(ctx, addr)
		return
	}
	s := Step{Name: "renegotiation", State: Told, Result: "the server did not ask for it"}
	switch {
	case first.answer == nil:
		s.State, s.Result = Skipped, "there was no response"
	case first.answer.late != "":
		s.Result = first.answer.late
	}
	w.step(s, time.Time{})
}

// lateVisit asks by TLS 1.2, as the first visit was by TLS 1.3.
func (w *way) lateVisit(ctx context.Context, addr netip.AddrPort) {
	s := Step{Name: "renegotiation", State: Told}
	began := time.Now()
	c, id, err := w.dial(ctx, w.URL, addr, variant{max: tls.VersionTLS12, insecure: true})
	s.Conn = id
	if err != nil {
		w.out.trials[id] = true
		s.State, s.Result, s.Key = Skipped, "TLS 1.3 has none, and no connection by TLS 1.2 came about: "+w.handshakeFault(err), "none"
		w.step(s, began)
		return
	}
	defer c.Close("probe: done")
	s.Exchange = w.rec.NextExchange()
	a, err := w.get(ctx, c, w.URL, s.Exchange)
	switch {
	case err != nil && c.AskedLate():
		s.State, s.Result = Failed, "TLS 1.2: "+w.lateAnswer(c)+"; then: "+w.exchangeFault(err)
	case err != nil:
		s.State, s.Result = Failed, "TLS 1.2: "+w.exchangeFault(err)
	case c.AskedLate():
		s.Result = "TLS 1.2: " + w.lateAnswer(c)
	default:
		s.Result, s.Key = "TLS 1.2: the server did not ask for it", "not asked"
	}
	if a != nil {
		s.Fields = a.fields
	}
	w.step(s, began)
}

// lateAnswer says what came of a renegotiation the server asked for.
func (w *way) lateAnswer(c *origin.Conn) string {
	c.Log().Flush()
	events := w.into.events(c.Log().ID())
	if _, done := first(events, flow.Renegotiated, flow.Unknown); !done {
		return "the server asked for it after the request, and it was not finished" + askedAgain(events)
	}
	text := "the server asked for it after the request, and got it" + askedAgain(events)
	if status := statusOf(events); status != "" {
		text += "; then it answered " + status
	}
	return text
}

// askedAgain is askedFor for the last handshake among events.
func askedAgain(events []flow.Event) string {
	for i := len(events) - 1; i >= 0; i-- {
		if events[i].Kind == flow.HelloRequest {
			return askedFor(events[i:])
		}
	}
	return ""
}
