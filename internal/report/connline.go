package report

import (
	"slices"
	"strings"

	"fanlight/internal/flow"
)

// Conn writes the line of a connection, as it is wanted for one without
// exchanges: what was seen of it, why there is no more, and how it ended.
func (l *Lines) Conn(c *flow.Conn) {
	l.lead(c, c.Started)
	l.column()
	if c.Scheme == flow.SchemeDNS {
		l.lookups(c)
		l.write()
		return
	}
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
		case flow.LookedUp:
			if r := e.Attr(flow.KeyResult); r == flow.ResultFound || r == "" {
				continue
			}
			word = "name not resolved"
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

// namesShown bounds the names on the line of a connection with a name server.
const namesShown = 3

// lookups writes which names were asked for, and what the answers were.
func (l *Lines) lookups(c *flow.Conn) {
	l.note("", c.Scheme)
	var names []string
	told := map[string][]string{}
	for i := range c.Events {
		e := &c.Events[i]
		if e.Kind != flow.Query && e.Kind != flow.Answer {
			continue
		}
		if _, known := told[e.Text]; !known {
			names = append(names, e.Text)
			told[e.Text] = nil
		}
		if e.Kind == flow.Answer && !slices.Contains(told[e.Text], answerWords(e)) {
			told[e.Text] = append(told[e.Text], answerWords(e))
		}
	}
	for i, name := range names {
		if i == namesShown {
			l.note("and more names", "")
			return
		}
		words := "no answer"
		if len(told[name]) > 0 {
			words = strings.Join(told[name], " ")
		}
		l.note(visible(name, l.o.ASCII)+" ", words)
	}
}

// answerWords are the addresses of an answer, or the code that says why there
// are none.
func answerWords(e *flow.Event) string {
	if a := e.Attr(flow.KeyAddresses); a != "" {
		return strings.ReplaceAll(a, ",", " ")
	}
	if code := e.Attr(flow.KeyRcode); code != "NOERROR" {
		return code
	}
	return "no " + e.Attr(flow.KeyType)
}
