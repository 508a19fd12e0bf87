package rules

import (
	"strconv"
	"time"

	"fanlight/internal/explain"
	"fanlight/internal/flow"
)

// h2Errors are the events with which a side gave up a stream or the connection
// for one of the errors (RFC 9113, section 7).
func h2Errors(c *flow.Conn, side flow.Side, code string) []int {
	var out []int
	for i := range c.Events {
		e := &c.Events[i]
		if (e.Kind == flow.StreamReset || e.Kind == flow.GoAway) && e.Text == code && (side == flow.Unknown || e.From == side) {
			out = append(out, i)
		}
	}
	return out
}

// h2Lost are the exchanges of c that got no response because of events: the
// streams that were reset, and those open when the connection was given up.
func h2Lost(c *flow.Conn, events []int) []*flow.Exchange {
	reset := map[flow.ExchangeID]bool{}
	var away *flow.Event
	for _, i := range events {
		reset[c.Events[i].Exchange] = true
		if c.Events[i].Kind == flow.GoAway {
			away = &c.Events[i]
		}
	}
	var out []*flow.Exchange
	for _, x := range c.Exchanges {
		open := away != nil && unanswered(c, x) && (x.Ended.IsZero() || !x.Ended.Before(away.At))
		if x.Status == 0 && x.Stream > 0 && (reset[x.ID] || open) {
			out = append(out, x)
		}
	}
	return out
}

// lastStream is the stream that a GOAWAY names as the last one that was or may
// be processed.
func lastStream(e *flow.Event) (int, bool) {
	n, err := strconv.Atoi(e.Attr(flow.KeyStream))
	return n, err == nil
}

// again is the exchange with which the same request was sent once more after x
// had failed, and answered; nil if there is none. Those used already do not
// count a second time.
func again(p *explain.Pass, c *flow.Conn, x *flow.Exchange, used map[*flow.Exchange]bool) *flow.Exchange {
	if x.Parent != 0 {
		for _, y := range p.Behind(x.Parent) {
			if y != x && y.Status != 0 && y.Status != x.Status && !used[y] && soonAfter(x, y) {
				return y
			}
		}
	}
	for _, d := range p.Trace.Conns {
		if d.Client.Addr() != c.Client.Addr() {
			continue
		}
		for _, y := range d.Exchanges {
			if y != x && y.Status != 0 && y.Status != x.Status && !used[y] && y.Method == x.Method && y.Target == x.Target && y.Host == x.Host && soonAfter(x, y) {
				return y
			}
		}
	}
	return nil
}

// repeatWithin is how long a client may take to send a request again by itself.
const repeatWithin = 30 * time.Second

// soonAfter tells that y began after x had failed, and soon enough to be the
// same request again.
func soonAfter(x, y *flow.Exchange) bool {
	failed := x.Ended
	if failed.IsZero() {
		failed = x.Started
	}
	d := y.Started.Sub(failed)
	return !failed.IsZero() && !y.Started.IsZero() && d >= 0 && d < repeatWithin
}

// unrepeated are those of xs that nobody sent again with success.
func unrepeated(p *explain.Pass, c *flow.Conn, xs []*flow.Exchange) []*flow.Exchange {
	var out []*flow.Exchange
	used := map[*flow.Exchange]bool{}
	for _, x := range xs {
		y := again(p, c, x, used)
		if y == nil {
			out = append(out, x)
			continue
		}
		used[y] = true
	}
	return out
}

// blameAll names c and its exchanges in the finding.
func blameAll(p *explain.Pass, f *explain.Finding, c *flow.Conn, xs []*flow.Exchange) {
	f.Conns = append(f.Conns, c.ID)
	for _, x := range xs {
		p.Blame(f, c, x)
	}
}
