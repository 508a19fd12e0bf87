package httpconn

import (
	"time"

	"fanlight/internal/flow"
	"fanlight/internal/httpwire"
)

// frame handles one frame.
func (c *h2Conn) frame(f *httpwire.Frame) *httpwire.H2Error {
	switch f.Type {
	case httpwire.FrameData:
		return c.data(f)
	case httpwire.FrameHeaders, httpwire.FrameContinuation:
		return c.fragment(f)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.flood.nothing(time.Now())
	switch f.Type {
	case httpwire.FrameReset:
		return c.reset(f)
	case httpwire.FrameSettings:
		return c.settings(f)
	case httpwire.FramePing:
		c.ping(f)
	case httpwire.FrameWindow:
		return c.credit(f)
	case httpwire.FrameGoAway:
		c.log.Add(flow.Event{At: time.Now(), Kind: flow.GoAway, From: flow.Client, Text: httpwire.H2ErrorName(f.Code),
			Attrs: flow.Attrs(flow.KeyStream, number(f.Last), flow.KeyReason, spoken(f.Payload))})
	case httpwire.FramePriorityUpdate:
		if s := c.find(f.Last); s != nil {
			s.urgency = urgency(f.Payload)
		}
	}
	return nil
}

// spoken is the beginning of a GOAWAY's debug data, if it is text at all.
func spoken(debug []byte) string {
	debug = debug[:min(len(debug), 100)]
	for _, b := range debug {
		if b < ' ' || b > '~' {
			return ""
		}
	}
	return string(debug)
}

func (c *h2Conn) ping(f *httpwire.Frame) {
	data := [8]byte(f.Payload)
	if !f.Ack() {
		out := c.out.pending()
		*out = httpwire.AppendPing(*out, data, true)
		return
	}
	if c.drain == h2Warned && data == h2DrainPing {
		c.leave()
	}
}

func (c *h2Conn) settings(f *httpwire.Frame) *httpwire.H2Error {
	if f.Ack() {
		return nil
	}
	for i := range f.Settings() {
		set := f.Setting(i)
		if set.ID != httpwire.SettingInitialWindow {
			continue
		}
		more := int64(set.Value) - int64(c.peerWindow)
		c.peerWindow = set.Value
		for _, s := range c.open {
			if !s.send.Add(more) {
				return &httpwire.H2Error{Code: httpwire.CodeFlowControl, Name: httpwire.H2WrongValue}
			}
		}
	}
	out := c.out.pending()
	*out = httpwire.AppendSettingsAck(*out)
	c.wakeSender()
	return nil
}

// credit takes WINDOW_UPDATE.
func (c *h2Conn) credit(f *httpwire.Frame) *httpwire.H2Error {
	if f.Stream == 0 {
		if !c.send.Add(int64(f.Code)) {
			return &httpwire.H2Error{Code: httpwire.CodeFlowControl, Name: httpwire.H2WrongValue}
		}
		c.wakeSender()
		return nil
	}
	s := c.find(f.Stream)
	if s == nil {
		return c.unlessIdle(f.Stream)
	}
	if !s.send.Add(int64(f.Code)) {
		return &httpwire.H2Error{Code: httpwire.CodeFlowControl, Stream: f.Stream, Name: httpwire.H2WrongValue}
	}
	c.wakeSender()
	return nil
}

// unlessIdle is an error for a frame on a stream that was never opened (RFC
// 9113, section 5.1).
func (c *h2Conn) unlessIdle(id uint32) *httpwire.H2Error {
	if id > c.highest || id%2 == 0 {
		return &httpwire.H2Error{Code: httpwire.CodeProtocol, Name: httpwire.H2BadStream}
	}
	return nil
}

func (c *h2Conn) reset(f *httpwire.Frame) *httpwire.H2Error {
	s := c.find(f.Stream)
	if s == nil {
		return c.unlessIdle(f.Stream)
	}
	c.flood.reset(time.Now())
	c.recordReset(s.xid, f.Stream, flow.Client, f.Code, "")
	s.lost = true
	s.wake()
	c.forget(s, false)
	c.tellGone(s)
	return nil
}
