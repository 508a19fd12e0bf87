package dissect

import (
	"net/netip"
	"strings"
	"time"

	"fanlight/internal/flow"
)

// joiner finds the client exchange that a proxy made an exchange with an origin
// for, when a capture holds both: by time (the one lies inside the other), by
// what was asked, and by what proxies write into headers. It holds records back
// for a moment, because the client's is over last.
type joiner struct {
	held []*output // in the order they came; conns among them
	size int       // of these
	asks map[string][]*output
	emit func(*output)
}

const (
	holdTime  = int64(1e9) // of the capture
	holdLimit = 2000
	holdBytes = 8 << 20
	// sameLimit bounds how many exchanges with the same target are compared.
	sameLimit = 100
	// joinSlack is how much later than the client's an origin's exchange may
	// end: the capture may have swapped packets, and a proxy need not wait for
	// the end of what it has passed on.
	joinSlack = 5 * time.Millisecond
)

func newJoiner(emit func(*output)) *joiner {
	return &joiner{asks: map[string][]*output{}, emit: emit}
}

func (j *joiner) add(o *output) {
	j.held = append(j.held, o)
	j.size += o.size
	if x := o.exchange; x != nil && x.Method != "" {
		key := ask(x)
		asked := j.asks[key]
		last := asked[max(len(asked)-sameLimit, 0):]
		j.adopt(o, last)
		for _, earlier := range last { // a gateway may answer before it ends what it gave up
			j.adopt(earlier, []*output{o})
		}
		j.asks[key] = append(asked, o)
	}
	for len(j.held) > holdLimit || j.size > holdBytes {
		j.release(1)
	}
}

// ask is what is the same on both sides of most proxies.
func ask(x *flow.Exchange) string { return x.Method + " " + x.Target }

// adopt makes o the parent of the exchanges that were made for it.
func (j *joiner) adopt(o *output, candidates []*output) {
	for _, c := range candidates {
		child := c.exchange
		if c.ids == o.ids || child.Parent != 0 || !within(child, o.exchange) {
			continue
		}
		how := evidence(o, c)
		if how == "" {
			continue
		}
		child.Parent, child.Joined = o.exchange.ID, how
		if c.ids.parent == 0 && c.ids.conn != 0 {
			c.ids.parent = o.ids.conn
		}
	}
}

func within(child, parent *flow.Exchange) bool {
	if child.Started.Before(parent.Started) || parent.Started.IsZero() {
		return false
	}
	if !parent.Ended.IsZero() && child.Started.After(parent.Ended) {
		return false // nothing is asked for an answer that was given
	}
	return parent.Ended.IsZero() || child.Ended.IsZero() || !child.Ended.After(parent.Ended.Add(joinSlack))
}

// evidence says how sure it is that a proxy made child's exchange for parent's,
// and why; empty if nothing but time and target speaks for it.
func evidence(parent, child *output) string {
	p, c := parent.exchange, child.exchange
	var facts []string
	proof, traced, address := false, false, parent.conn.Server.Addr() == child.conn.Client.Addr()
	for _, name := range []string{"traceparent", "X-Request-Id", "X-Correlation-Id", "X-Amzn-Trace-Id"} {
		switch v, _ := flow.Get(p.RequestHeader, name); {
		case v == "":
		case sameValue(c, name, v):
			facts, proof = append(facts, "same "+name), true
		case name == "traceparent" && sameTrace(c, v):
			facts, traced = append(facts, "same trace"), true
		}
	}
	if forwardedFor(c, parent.conn.Client.Addr()) {
		facts = append(facts, "forwarded for the client's address")
		proof = proof || address
	}
	if _, via := flow.Get(c.RequestHeader, "Via"); via {
		facts = append(facts, "Via")
	}
	if address {
		facts = append(facts, "sent from the address that was asked")
	}
	if len(facts) == 0 {
		return ""
	}
	if p.ResponseSHA256 != "" && p.ResponseSHA256 == c.ResponseSHA256 {
		facts = append(facts, "same response body")
	} else if p.Status != 0 && p.Status == c.Status && sameLength(p, c) {
		facts = append(facts, "same status and length")
	}
	sure := "possible"
	switch {
	case proof:
		sure = "proof"
	case traced || len(facts) > 1:
		sure = "likely"
	}
	return sure + ": " + strings.Join(facts, ", ")
}

func sameLength(a, b *flow.Exchange) bool {
	return !a.ResponseDone.IsZero() && !b.ResponseDone.IsZero() && a.ResponseBodyBytes == b.ResponseBodyBytes
}

func sameValue(x *flow.Exchange, name, value string) bool {
	v, _ := flow.Get(x.RequestHeader, name)
	return v == value
}

// sameTrace tells that x belongs to the trace of a traceparent. A proxy that
// takes part in a trace gives its own span the same trace id (W3C Trace Context,
// section 3.2.2.3); so does whoever asks twice within one.
func sameTrace(x *flow.Exchange, parent string) bool {
	v, _ := flow.Get(x.RequestHeader, "traceparent")
	a, b := strings.Split(v, "-"), strings.Split(parent, "-")
	return len(a) == 4 && len(b) == 4 && a[1] == b[1]
}

func forwardedFor(x *flow.Exchange, address netip.Addr) bool {
	for _, f := range x.RequestHeader {
		switch strings.ToLower(f.Name) {
		case "x-forwarded-for", "x-real-ip", "forwarded", "true-client-ip":
			if names(f.Value, address) {
				return true
			}
		}
	}
	return false
}

// names tells whether an address is in a list such as X-Forwarded-For, or in
// the for= of Forwarded (RFC 7239, section 6): alone, or with a port.
func names(list string, address netip.Addr) bool {
	for _, item := range strings.FieldsFunc(list, func(r rune) bool { return strings.ContainsRune(",;= \"", r) }) {
		ip, err := netip.ParseAddr(strings.Trim(item, "[]"))
		if with, portErr := netip.ParseAddrPort(item); err != nil && portErr == nil {
			ip, err = with.Addr(), nil
		}
		if err == nil && ip.Unmap() == address.Unmap() {
			return true
		}
	}
	return false
}

// passed gives out what was held long enough.
func (j *joiner) passed(now int64) {
	n := 0
	for n < len(j.held) && now-j.held[n].at > holdTime {
		n++
	}
	j.release(n)
}

func (j *joiner) release(n int) {
	for _, o := range j.held[:n] {
		if x := o.exchange; x != nil {
			j.forget(ask(x), o)
		}
		j.size -= o.size
		j.emit(o)
	}
	clear(j.held[:n])
	j.held = j.held[n:]
}

func (j *joiner) forget(key string, o *output) {
	list := j.asks[key]
	if len(list) > 0 && list[0] == o {
		list = list[1:]
	}
	for i := range list {
		if list[i] == o {
			list = append(list[:i], list[i+1:]...)
			break
		}
	}
	if len(list) == 0 {
		delete(j.asks, key)
		return
	}
	j.asks[key] = list
}
