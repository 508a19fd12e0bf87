package report

import "fanlight/internal/flow"

// Conn writes the line of a connection, as it is wanted for one without
// exchanges: what was seen of it, why there is no more, and how it ended.
func (l *Lines) Conn(c *flow.Conn) {
	l.lead(c, c.Started)
	l.column()
	l.handshake(c)
	switch {
	case c.WhyNot != "":
		l.note("not decrypted: ", c.WhyNot)
	case c.Keys == flow.No:
		l.note("not decrypted", "")
	case len(c.Exchanges) == 0 && c.Forgotten == 0 && (c.TLS == nil || c.TLS.Done != flow.No) && !failed(c):
		l.note("no request", "")
	}
	l.failures(c)
	l.traffic(c)
	l.closing(c)
	if !c.Close.Ended {
		l.note("end not seen", "")
	}
	l.write()
}

func (l *Lines) handshake(c *flow.Conn) {
	t := c.TLS
	if t == nil {
		if c.Scheme != "" {
			l.note("", c.Scheme)
		}
		return
	}
	l.note("TLS", "")
	for _, s := range [...]string{t.Version, t.SNI, t.ALPN} {
		if s != "" {
			l.b = append(append(l.b, ' '), visible(s, l.o.ASCII)...)
		}
	}
	if t.Resumed == flow.Yes {
		l.b = append(l.b, " resumed"...)
	}
}

func failed(c *flow.Conn) bool {
	for i := range c.Events {
		if c.Events[i].Kind == flow.ConnectFailed {
			return true
		}
	}
	return false
}

// failures writes the events that kept the connection from serving.
func (l *Lines) failures(c *flow.Conn) {
	for i := range c.Events {
		e := &c.Events[i]
		word := ""
		switch e.Kind {
		case flow.ConnectFailed:
			word = "connect failed"
		case flow.TLSFailed:
			word = "handshake failed"
		case flow.MidStream:
			word = "began before the capture"
			if e.Attr(flow.KeySides) != "" {
				word += ", client and server are guessed"
			}
		default:
			continue
		}
		if e.Text != "" {
			word += ": "
		}
		colour := red
		if e.Kind == flow.MidStream {
			colour = ""
		}
		l.coloured(colour, word, e.Text)
	}
}

func (l *Lines) traffic(c *flow.Conn) {
	if !c.Counted {
		return
	}
	l.note("sent ", "")
	l.b = appendSize(l.b, c.ClientBytes)
	l.b = append(l.b, " received "...)
	l.b = appendSize(l.b, c.ServerBytes)
}
