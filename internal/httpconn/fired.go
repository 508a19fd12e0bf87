package httpconn

import (
	"strconv"
	"time"

	"fanlight/internal/flow"
)

// timedOut records that a deadline fired; x is 0 where it belongs to no
// exchange.
func (s *Server) timedOut(log *flow.Log, x flow.ExchangeID, phase string, limit time.Duration) {
	log.Add(flow.Event{At: time.Now(), Exchange: x, Kind: flow.Timeout, Text: phase,
		Attrs: flow.Attrs(flow.KeyLimit, strconv.FormatInt(limit.Milliseconds(), 10))})
	s.fired(phase)
}

func (s *Server) fired(limit string) {
	if s.Fired != nil {
		s.Fired(limit)
	}
}

// refuseLimit answers a request head that exceeds a limit.
func (c *Conn) refuseLimit(limit string, status int, cause string) {
	c.begun()
	c.srv.exceeded(c.log, c.x.id, limit, cause)
	c.x.refuse(status, cause)
}

// exceeded records that a request is more than a limit allows.
func (s *Server) exceeded(log *flow.Log, x flow.ExchangeID, limit, cause string) {
	log.Add(flow.Event{At: time.Now(), Exchange: x, Kind: flow.Decision, Text: "refuse: " + cause, Attrs: flow.Attrs(flow.KeyBy, limit)})
	s.fired(limit)
}

// answerLimit has a request that exceeds a limit answered with a status.
func (s *h2Stream) answerLimit(limit string, status int, cause string) {
	if s.status == 0 {
		s.limit = limit
	}
	s.answerWith(status, cause)
}
