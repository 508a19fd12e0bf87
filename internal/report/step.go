package report

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"fanlight/internal/flow"
)

// step is a line of a ladder: something that passed, or a note of something
// that happened.
type step struct {
	at     time.Time // of an event without a time, that of the one before it
	known  bool      // whether the event has a time
	lane   int
	kind   flow.Kind
	from   flow.Side // Unknown: a note
	label  string
	bytes  int64
	times  int // how often it happened in a row
	packet int
	marks  []string
}

// steps are the lines of all connections of the family, by time.
func (f *family) steps(m marks) []step {
	var all []step
	for _, l := range f.legs {
		prefix := ""
		if f.crowded(l.lane) {
			prefix = l.conn.ID.String() + ": "
		}
		all = append(all, legSteps(l, prefix, m)...)
	}
	slices.SortStableFunc(all, func(a, b step) int { return a.at.Compare(b.at) })
	return all
}

func legSteps(l leg, prefix string, m marks) []step {
	var steps []step
	at := l.conn.Started
	several := l.conn.Forgotten+len(l.conn.Exchanges) > 1
	for i := range l.conn.Events {
		e := &l.conn.Events[i]
		if !e.At.IsZero() {
			at = e.At
		}
		ids := m.of(l.conn, i)
		if silent(e) && len(ids) == 0 {
			continue
		}
		label := describe(e)
		if several && e.Exchange != 0 {
			label = e.Exchange.String() + " " + label
		}
		s := step{at: at, known: !e.At.IsZero(), lane: l.lane, kind: e.Kind, from: sender(e),
			label: prefix + label, bytes: e.Bytes, times: 1, packet: e.Packet, marks: ids}
		if last := len(steps) - 1; last >= 0 && steps[last].swallows(s) {
			steps[last].times++
			steps[last].bytes += s.bytes
			continue
		}
		steps = append(steps, s)
	}
	return steps
}

// swallows reports whether another step of what only packets show is one more
// of the same, within a second.
func (s *step) swallows(next step) bool {
	return s.kind >= flow.MidStream && s.kind <= flow.InvalidRST && s.kind == next.kind && s.from == next.from &&
		len(s.marks) == 0 && len(next.marks) == 0 && next.at.Sub(s.at) < time.Second
}

// text is the label with the bytes, and the times if there were several.
func (s *step) text() string {
	text := s.label
	if s.bytes != 0 {
		text += " " + strconv.FormatInt(s.bytes, 10) + " B"
	}
	if s.times > 1 {
		text += fmt.Sprintf(" (%d times)", s.times)
	}
	return text
}

// silent reports whether an event adds nothing to its neighbours.
func silent(e *flow.Event) bool {
	switch e.Kind {
	case flow.Open:
		return true
	case flow.RequestDone, flow.ResponseDone:
		return e.Bytes == 0
	case flow.ExchangeDone:
		return e.Text == flow.Complete
	case flow.Closed:
		return e.Text == ""
	}
	return false
}

// sender is the side that sent what the event shows, Unknown for what nobody
// sent.
func sender(e *flow.Event) flow.Side {
	switch e.Kind {
	case flow.Established, flow.ConnectFailed, flow.TLSDone, flow.TLSFailed, flow.Renegotiated, flow.MidStream,
		flow.ExchangeDone, flow.Closed, flow.Chosen, flow.Decision, flow.Timeout, flow.Retry, flow.Pinned,
		flow.Incident, flow.Hanging, flow.Tunnel, flow.TunnelDone, flow.Irregular, flow.LookedUp, flow.Compressed, flow.WAFMatch:
		return flow.Unknown
	case flow.SYN, flow.ClientHello, flow.Renegotiating, flow.EarlyData, flow.Request, flow.RequestDone:
		return flow.Client
	case flow.ServerHello, flow.HelloRequest, flow.HelloRetry, flow.Interim, flow.Response, flow.ResponseDone:
		return flow.Server
	}
	return e.From
}

// describe says in a few words what happened, in the terms of the protocols.
func describe(e *flow.Event) string {
	words := []string{name(e)}
	if e.Status != 0 {
		words = append(words, strconv.Itoa(e.Status))
	}
	if e.Text != "" {
		words = append(words, e.Text)
	}
	for _, key := range facts(e.Kind) {
		if v := e.Attr(key); v != "" {
			words = append(words, fact(key, v))
		}
	}
	return strings.TrimPrefix(strings.Join(words, " "), " ")
}

// fact writes an attribute; some speak for themselves.
func fact(key, value string) string {
	switch {
	case key == flow.KeyCipher, key == flow.KeyALPN, key == flow.KeyHost, key == flow.KeyCause,
		key == flow.KeyType, key == flow.KeyRcode, key == flow.KeyAddresses:
		return value
	case key == flow.KeyTook:
		return "in " + value + " ms"
	case key == flow.KeyResumed && value == "yes":
		return "resumed"
	}
	return key + "=" + value
}

// name is what an event is called in a ladder; the text of some says it all.
func name(e *flow.Event) string {
	switch e.Kind {
	case flow.Request, flow.Response, flow.Interim:
		return ""
	case flow.SYN:
		return "SYN"
	case flow.FIN:
		return "FIN"
	case flow.RST:
		return "RST"
	case flow.ClientHello:
		return "ClientHello"
	case flow.ServerHello:
		return "ServerHello"
	case flow.Certificate:
		return "Certificate"
	case flow.CertificateRequest:
		return "CertificateRequest"
	case flow.HelloRequest:
		return "HelloRequest"
	case flow.HelloRetry:
		return "HelloRetryRequest"
	case flow.KeyUpdate:
		return "KeyUpdate"
	case flow.ProxyHeader:
		return "PROXY header"
	case flow.GoAway:
		return "GOAWAY"
	case flow.StreamReset:
		return "RST_STREAM"
	case flow.Renegotiating:
		return "ClientHello again"
	case flow.TLSDone:
		return "TLS"
	case flow.RequestDone:
		return "request body"
	case flow.ResponseDone:
		return "response body"
	case flow.ExchangeDone:
		if e.Text == "" {
			return "outcome not captured"
		}
		return "exchange"
	case flow.Alert:
		if e.Text == "" {
			return "encrypted alert"
		}
		return "alert"
	case flow.AuthToken:
		return "token"
	}
	return strings.ReplaceAll(e.Kind.String(), "-", " ")
}

// facts are the attributes shown with an event.
func facts(k flow.Kind) []string {
	switch k {
	case flow.LookedUp:
		return []string{flow.KeyAddresses, flow.KeyReason, flow.KeyTook}
	case flow.Query:
		return []string{flow.KeyType}
	case flow.Answer:
		return []string{flow.KeyType, flow.KeyRcode, flow.KeyAddresses}
	case flow.ClientHello:
		return []string{flow.KeySNI, flow.KeyVersions, flow.KeyALPN}
	case flow.ServerHello:
		return []string{flow.KeyVersion}
	case flow.TLSDone:
		return []string{flow.KeyCipher, flow.KeyALPN, flow.KeyResumed}
	case flow.TLSFailed:
		return []string{flow.KeyFault}
	case flow.Alert:
		return []string{flow.KeyLevel}
	case flow.Request:
		return []string{flow.KeyHost}
	case flow.AuthToken:
		return []string{flow.KeyStep}
	case flow.Timeout:
		return []string{flow.KeyLimit}
	case flow.Chosen:
		return []string{flow.KeyWhat}
	case flow.Decision:
		return []string{flow.KeyBy}
	case flow.Incident:
		return []string{flow.KeyCause}
	case flow.WAFMatch:
		return []string{flow.KeyRule, flow.KeyTarget}
	}
	return nil
}
