package rules

import (
	"time"

	"fanlight/internal/explain"
	"fanlight/internal/flow"
)

// resent are the events that show one side sending the same bytes again while
// nothing at all comes from the other one.
type resent struct {
	first, last int // events
	times       int
	bytes       int64 // of the first one
	same        bool  // all have that size
	answer      int   // the first event of the other side after it, -1 none
}

// unacknowledged finds the longest run of retransmissions by side on c that has
// nothing of the other side between them; times is 0 if there is none.
func unacknowledged(c *flow.Conn, side flow.Side) resent {
	var longest, run resent
	for i := range c.Events {
		e := &c.Events[i]
		switch {
		case e.Kind == flow.Retransmission && e.From == side && e.Bytes > 0:
			if run.times == 0 {
				run = resent{first: i, bytes: e.Bytes, same: true}
			}
			run.last, run.times = i, run.times+1
			run.same = run.same && e.Bytes == run.bytes
		case e.From == side.Other() || e.Kind == flow.ResponseDone || e.Kind == flow.Response:
			if run.times > longest.times {
				longest = run
				longest.answer = i
			}
			run = resent{}
		}
	}
	if run.times > longest.times {
		longest = run
		longest.answer = -1
	}
	return longest
}

// often is from how many retransmissions on the other side is called silent.
const often = 3

// backedOff tells that the pauses between retransmissions grew, as they do when
// no acknowledgement comes, and how long it went on.
func (r resent) backedOff(c *flow.Conn) (time.Duration, bool) {
	d, known := between(c, r.first, r.last)
	return d, r.times >= often && known && d >= time.Second
}

func (r resent) evidence(c *flow.Conn, what string) []explain.Evidence {
	return []explain.Evidence{explain.At(c, r.first, what+", sent again"), explain.At(c, r.last, "and still, without an acknowledgement")}
}

// carriedAt is the exchange that event i belongs in: the last that began before.
func carriedAt(c *flow.Conn, i int) *flow.Exchange {
	var at *flow.Exchange
	for _, x := range c.Exchanges {
		if n := findOf(c, x, flow.Request); n >= 0 && n < i {
			at = x
		}
	}
	return at
}
