package rules

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"fanlight/internal/flow"
)

// find gives the index of the first event from index from on that matches, or
// -1. A side of Unknown matches both.
func find(c *flow.Conn, from int, side flow.Side, kinds ...flow.Kind) int {
	if !slices.ContainsFunc(kinds, c.Has) {
		return -1
	}
	for i := max(from, 0); i < len(c.Events); i++ {
		e := &c.Events[i]
		if side != flow.Unknown && e.From != side {
			continue
		}
		for _, k := range kinds {
			if e.Kind == k {
				return i
			}
		}
	}
	return -1
}

// findText is find for events with one of the texts.
func findText(c *flow.Conn, side flow.Side, kind flow.Kind, texts ...string) int {
	for i := find(c, 0, side, kind); i >= 0; i = find(c, i+1, side, kind) {
		for _, t := range texts {
			if c.Events[i].Text == t {
				return i
			}
		}
	}
	return -1
}

// findOf gives the index of the first event of a kind that belongs to x, or -1.
func findOf(c *flow.Conn, x *flow.Exchange, kind flow.Kind) int {
	if !c.Has(kind) {
		return -1
	}
	for i := range c.Events {
		if c.Events[i].Kind == kind && c.Events[i].Exchange == x.ID {
			return i
		}
	}
	return -1
}

// exchangeOf is the exchange of c with an id, nil if c has none.
func exchangeOf(c *flow.Conn, id flow.ExchangeID) *flow.Exchange {
	for _, x := range c.Exchanges {
		if x.ID == id && id != 0 {
			return x
		}
	}
	return nil
}

// closing is the index of the FIN or RST that ended c, or -1.
func closing(c *flow.Conn) int {
	if c.Close.How == flow.None {
		return -1
	}
	return find(c, 0, flow.Unknown, flow.FIN, flow.RST)
}

// leaver is the side that first said it would end c, with an alert, a FIN or a
// RST, and the event by which it did. Where a TLS peer answers a close_notify,
// the FIN of the other side may come first.
func leaver(c *flow.Conn) (flow.Side, int) {
	if c.Close.How == flow.None {
		return flow.Unknown, -1
	}
	for i := range c.Events {
		e := &c.Events[i]
		switch {
		case e.Kind == flow.FIN, e.Kind == flow.RST:
			return e.From, i
		case e.Kind == flow.Alert && (e.Text == "close_notify" || e.Attr(flow.KeyLevel) == "fatal"):
			return e.From, i
		}
	}
	return c.Close.By, -1
}

// between is the time from event i to event j of c.
func between(c *flow.Conn, i, j int) (time.Duration, bool) {
	if i < 0 || j < 0 || c.Events[i].At.IsZero() || c.Events[j].At.IsZero() {
		return 0, false
	}
	return c.Events[j].At.Sub(c.Events[i].At), true
}

// roundTrip is the time of the TCP handshake: from the SYN to the end of the
// handshake is one round trip, wherever on the way it was captured.
func roundTrip(c *flow.Conn) (time.Duration, bool) {
	return between(c, find(c, 0, flow.Unknown, flow.SYN), find(c, 0, flow.Unknown, flow.Established))
}

// over tells that nothing more will come for x on c: it ended, its connection
// ended, or it hangs.
func over(c *flow.Conn, x *flow.Exchange) bool {
	if x != nil && (x.Over || findOf(c, x, flow.Hanging) >= 0) {
		return true
	}
	return c.Close.Ended || find(c, 0, flow.Unknown, flow.Timeout) >= 0
}

// unanswered tells that x was asked and will get no response. One whose
// response may be in what was not captured is not.
func unanswered(c *flow.Conn, x *flow.Exchange) bool {
	return !unjudged(x) && x.Status == 0 && !x.Started.IsZero() && over(c, x)
}

// unjudged tells that nobody saw what became of x.
func unjudged(x *flow.Exchange) bool { return x.Over && x.Outcome == "" }

// reused tells that c had carried an exchange before x.
func reused(c *flow.Conn, x *flow.Exchange) bool {
	return x.Reused == flow.Yes || x.Reused == flow.NotObserved && len(c.Exchanges) > 0 && c.Exchanges[0] != x
}

// header is the value of a field, empty if it is absent.
func header(fields []flow.Field, name string) string {
	v, _ := flow.Get(fields, name)
	return v
}

// says tells that a comma separated field has a token, letter case ignored.
func says(fields []flow.Field, name, token string) bool {
	for _, f := range fields {
		if !strings.EqualFold(f.Name, name) {
			continue
		}
		for part := range strings.SplitSeq(f.Value, ",") {
			if strings.EqualFold(strings.TrimSpace(part), token) {
				return true
			}
		}
	}
	return false
}

// milliseconds reads a fact that is a time in milliseconds.
func milliseconds(text string) (time.Duration, bool) {
	ms, err := strconv.ParseFloat(text, 64)
	return time.Duration(ms * float64(time.Millisecond)), err == nil
}
