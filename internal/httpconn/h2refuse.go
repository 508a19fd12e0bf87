package httpconn

import (
	"strconv"
	"time"

	"fanlight/internal/flow"
	"fanlight/internal/httpwire"
)

// turnAway refuses a stream that nothing was done for: the client may send it
// again (RFC 9113, section 8.7).
func (c *h2Conn) turnAway(s *h2Stream, why string) *httpwire.H2Error {
	c.flood.reset(time.Now())
	s.refused("refuse: "+why, httpwire.CodeRefusedStream)
	return nil
}

// malformed refuses a request that breaks section 8 of RFC 9113.
func (c *h2Conn) malformed(s *h2Stream, name, field string) *httpwire.H2Error {
	c.flood.reset(time.Now())
	c.irregular(s.xid, name, field)
	s.refused("refuse: request is malformed: "+name, httpwire.CodeProtocol)
	return nil
}

// refuseStream resets a stream for a breach of the protocol.
func (c *h2Conn) refuseStream(err *httpwire.H2Error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.flood.reset(time.Now())
	s := c.find(err.Stream)
	if s == nil {
		c.irregular(0, err.Name, "")
		c.appendReset(0, err.Stream, err.Code, err.Name)
		c.remember(err.Stream, true)
		return
	}
	c.irregular(s.xid, err.Name, "")
	s.cut(err.Code, err.Name)
	c.tellGone(s)
}

func (c *h2Conn) irregular(x flow.ExchangeID, name, field string) {
	c.log.Add(flow.Event{At: time.Now(), Exchange: x, Kind: flow.Irregular, From: flow.Client, Text: name,
		Attrs: flow.Attrs(flow.KeyOffset, strconv.FormatInt(c.offset, 10), flow.KeyField, field)})
}

// appendReset ends a stream from our side.
func (c *h2Conn) appendReset(x flow.ExchangeID, id, code uint32, why string) {
	out := c.out.pending()
	*out = httpwire.AppendReset(*out, id, code)
	c.recordReset(x, id, flow.Server, code, why)
}

func (c *h2Conn) recordReset(x flow.ExchangeID, id uint32, from flow.Side, code uint32, why string) {
	c.log.Add(flow.Event{At: time.Now(), Exchange: x, Kind: flow.StreamReset, From: from, Text: httpwire.H2ErrorName(code),
		Attrs: flow.Attrs(flow.KeyStream, number(id), flow.KeyReason, why)})
}

// refuseConn ends the connection for a breach of the protocol.
func (c *h2Conn) refuseConn(err *httpwire.H2Error) {
	c.irregular(0, err.Name, "")
	c.quit(err.Code, err.Name)
}

// quit ends the connection with an error and gives the client time to read of it.
func (c *h2Conn) quit(code uint32, why string) {
	c.nc.SetWhy("http2: " + why)
	c.mu.Lock()
	c.goAway(time.Now(), c.highest, code, why)
	c.log.Flush()
	gone := c.loseAll()
	c.out.finish()
	c.out.dead = errH2Ended
	c.mu.Unlock()
	for _, s := range gone {
		c.tellGone(s)
	}
	c.linger()
}

// calm ends a connection whose client floods it.
func (c *h2Conn) calm() bool {
	c.mu.Lock()
	why := c.flood.exceeded(&c.limits)
	c.mu.Unlock()
	if why == "" {
		return true
	}
	c.refuseFlood(why)
	return false
}

func (c *h2Conn) refuseFlood(why string) {
	c.log.Add(flow.Event{At: time.Now(), Kind: flow.Decision, Text: "refuse: " + why, Attrs: flow.Attrs(flow.KeyBy, "http2")})
	c.quit(httpwire.CodeEnhanceYourCalm, why)
}

func number(n uint32) string { return strconv.FormatUint(uint64(n), 10) }
