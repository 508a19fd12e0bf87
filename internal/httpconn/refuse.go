package httpconn

import (
	"strconv"
	"time"

	"fanlight/internal/flow"
	"fanlight/internal/httpwire"
)

// refuse answers a request that never became an exchange of a handler, and
// closes.
func (c *Conn) refuse(status int, cause string, found ...httpwire.Irregularity) {
	c.begun()
	for _, irr := range found {
		c.irregular(c.x.id, irr)
	}
	c.x.refuse(status, cause)
}

// begun records a request that could not be read as far as it was.
func (c *Conn) begun() {
	c.x.reset(c)
	c.log.Add(flow.Event{At: time.Now(), Exchange: c.x.id, Kind: flow.Request, From: flow.Client,
		Text: requestLine(&c.head), Attrs: flow.Attrs(flow.KeyScheme, c.scheme)})
}

// requestLine is method and target as far as they were read. They are text
// behind text in the buffer, whatever blanks a client put between.
func requestLine(h *httpwire.Head) string {
	if h.Target.End == 0 {
		return ""
	}
	return text(h.Buf[h.Method.Start:h.Target.End])
}

func (c *Conn) irregular(x flow.ExchangeID, irr httpwire.Irregularity) {
	c.log.Add(flow.Event{At: time.Now(), Exchange: x, Kind: flow.Irregular, From: flow.Client, Text: irr.Name,
		Attrs: flow.Attrs(flow.KeyOffset, strconv.Itoa(irr.Offset))})
}

// refuse answers a request that may not be carried; the connection ends.
func (x *exchange) refuse(status int, cause string) {
	c := x.c
	incident := c.srv.Refuse(c.log, x.id, status, cause)
	c.nc.SetWhy("request refused with " + strconv.Itoa(status))
	x.writeRefusal(status, incident)
	c.lingeringClose()
}

func (x *exchange) writeRefusal(status int, incident string) {
	c := x.c
	body, fields := ErrorPage(status, incident, "")
	fields = httpwire.AppendField(fields, "Content-Length", strconv.Itoa(len(body)))
	fields = httpwire.AppendField(fields, "Connection", "close")
	if x.req.Method == "HEAD" {
		body = nil
	}
	reason := httpwire.StatusText(status)
	c.log.Add(flow.Event{At: time.Now(), Exchange: x.id, Kind: flow.Response, From: flow.Server, Status: status, Text: reason, Header: fields})
	b := append(httpwire.AppendStatusLine(nil, status, reason), fields...)
	b = append(append(b, crlf...), body...)
	err := c.flush() // responses to what came before
	if err == nil {
		err = c.writeAll(b)
	}
	outcome := flow.Refused
	if err != nil {
		outcome = flow.NoResponse
	}
	x.done(outcome)
}

// A client that still sends when we are done with it is read for a while:
// closing at once would reset the connection and could destroy the response on
// its way (RFC 9112 section 9.6).
const (
	lingerTime    = 10 * time.Second // in all
	lingerSilence = 2 * time.Second  // without a byte
)

func (c *Conn) lingeringClose() {
	c.log.Flush()
	if c.flush() != nil || c.nc.CloseWrite() != nil {
		return
	}
	readAway(c.nc, c.srv.Buffers)
}

func readAway(nc Transport, buffers *Buffers) {
	buf := buffers.body.get()
	defer buffers.body.put(buf)
	for until := time.Now().Add(lingerTime); time.Now().Before(until); {
		_ = nc.SetReadDeadline(after(lingerSilence)) // fails only on a closed connection; the read says so
		if _, err := nc.Read(*buf); err != nil {
			return
		}
	}
}
