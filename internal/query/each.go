package query

import (
	"net/netip"
	"strings"

	"fanlight/internal/flow"
)

// each gives the values a field has on a subject until yield returns false.
type each = func(s subject, yield func(value) bool)

// fromConn is a text of the connection; an empty one was not observed.
func fromConn(get func(*flow.Conn) string) each {
	return func(s subject, yield func(value) bool) {
		if v := get(s.conn); v != "" {
			yield(value{text: v})
		}
	}
}

// closed is a word about the end of a connection that has ended.
func closed(get func(*flow.Conn) string) each {
	return func(s subject, yield func(value) bool) {
		if s.conn.Close.Ended {
			yield(value{text: get(s.conn)})
		}
	}
}

func onConn(get func(*flow.Conn) (int64, bool)) each {
	return func(s subject, yield func(value) bool) {
		if n, known := get(s.conn); known {
			yield(value{number: n})
		}
	}
}

func fromTLS(get func(*flow.TLS) string) each {
	return func(s subject, yield func(value) bool) {
		if s.conn.TLS == nil {
			return
		}
		if v := get(s.conn.TLS); v != "" {
			yield(value{text: v})
		}
	}
}

func tlsFlag(s subject, get func(*flow.TLS) flow.Seen) flow.Seen {
	if s.conn.TLS == nil {
		return flow.NotObserved
	}
	return get(s.conn.TLS)
}

func flag(get func(subject) flow.Seen) each {
	return func(s subject, yield func(value) bool) {
		switch get(s) {
		case flow.Yes:
			yield(value{number: 1})
		case flow.No:
			yield(value{})
		}
	}
}

func yesOrNothing(is bool) flow.Seen {
	if is {
		return flow.Yes
	}
	return flow.NotObserved
}

func versionOf(get func(subject) string) each {
	return func(s subject, yield func(value) bool) {
		if v, ok := version(get(s)); ok {
			yield(value{number: v})
		}
	}
}

// text is a text of the exchange; an empty one was not observed.
func text(get func(*flow.Exchange) string) each {
	return func(s subject, yield func(value) bool) {
		if s.exchange == nil {
			return
		}
		if v := get(s.exchange); v != "" {
			yield(value{text: v})
		}
	}
}

func number(get func(*flow.Exchange) (int64, bool)) each {
	return func(s subject, yield func(value) bool) {
		if s.exchange == nil {
			return
		}
		if n, known := get(s.exchange); known {
			yield(value{number: n})
		}
	}
}

func hosts(s subject, yield func(value) bool) {
	if s.exchange == nil || s.exchange.Host == "" {
		return
	}
	host := s.exchange.Host
	if !yield(value{text: host}) {
		return
	}
	colon := strings.LastIndexByte(host, ':')
	if colon > strings.LastIndexByte(host, ']') {
		yield(value{text: host[:colon]})
	}
}

func headerNamed(from func(subject) [2][]flow.Field, name string) each {
	return func(s subject, yield func(value) bool) {
		if s.exchange == nil {
			return
		}
		for _, list := range from(s) {
			for _, f := range list {
				if strings.EqualFold(f.Name, name) && !yield(value{text: f.Value}) {
					return
				}
			}
		}
	}
}

func addresses(of ...func(*flow.Conn) netip.AddrPort) each {
	return func(s subject, yield func(value) bool) {
		for _, get := range of {
			if a := get(s.conn); a.IsValid() && !yield(value{address: a.Addr().Unmap().WithZone("")}) {
				return
			}
		}
	}
}

func ports(of ...func(*flow.Conn) netip.AddrPort) each {
	return func(s subject, yield func(value) bool) {
		for _, get := range of {
			if a := get(s.conn); a.IsValid() && !yield(value{number: int64(a.Port())}) {
				return
			}
		}
	}
}

func connID(s subject, yield func(value) bool) { yield(value{number: int64(s.conn.ID)}) }

func began(s subject, yield func(value) bool) {
	at := s.conn.Started
	if s.exchange != nil && !s.exchange.Started.IsZero() {
		at = s.exchange.Started
	}
	if !at.IsZero() {
		yield(value{number: at.UnixNano()})
	}
}

// eachEvent walks over the events of the subject: of an exchange its own, and
// those that belong to no exchange.
func eachEvent(s subject, yield func(*flow.Event) bool) {
	for i := range s.conn.Events {
		e := &s.conn.Events[i]
		if s.exchange != nil && e.Exchange != 0 && e.Exchange != s.exchange.ID {
			continue
		}
		if !yield(e) {
			return
		}
	}
}

func events(s subject, yield func(value) bool) {
	eachEvent(s, func(e *flow.Event) bool { return yield(value{text: e.Kind.String()}) })
}

func alerts(s subject, yield func(value) bool) {
	eachEvent(s, func(e *flow.Event) bool {
		return e.Kind != flow.Alert || e.Text == "" || yield(value{text: e.Text})
	})
}

func lookedUp(s subject, yield func(value) bool) {
	eachEvent(s, func(e *flow.Event) bool {
		return e.Kind != flow.LookedUp && e.Kind != flow.Query || yield(value{text: e.Text})
	})
}

func lookupTime(s subject, yield func(value) bool) {
	if l := s.conn.Lookup; l != nil && l.Timed {
		yield(value{number: int64(l.Took)})
	}
}

func packets(s subject, yield func(value) bool) {
	eachEvent(s, func(e *flow.Event) bool {
		return e.Packet == 0 || yield(value{number: int64(e.Packet)})
	})
}

func span[D ~int64](get func(*flow.Exchange) (D, bool)) each {
	return number(func(x *flow.Exchange) (int64, bool) {
		d, known := get(x)
		return int64(d), known
	})
}
