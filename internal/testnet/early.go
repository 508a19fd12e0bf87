package testnet

import (
	"cmp"
	"fmt"
	"net/http"
	"testing"
)

// EarlyResponder answers a request before it read the body, and closes.
type EarlyResponder struct {
	At
	Status int  // 0 is 413
	Abrupt bool // close with the body unread, which resets; else read it until the client closes
}

// Start listens until the test ends.
func (p EarlyResponder) Start(t testing.TB) *Origin {
	t.Helper()
	return p.start(t, func(c *conn) {
		req, err := c.readHead()
		if err != nil {
			c.ended(err)
			return
		}
		c.noteRequest(req)
		if !c.respond(req, cmp.Or(p.Status, http.StatusRequestEntityTooLarge), []byte("early\n"), serverField, "Connection: close") {
			return
		}
		if p.Abrupt {
			c.end(RST)
			return
		}
		c.linger()
	})
}

// Interim sends interim responses before the final 200.
type Interim struct {
	At
	Heads []string // status line and fields, lines ended by CRLF; nil is a 100 and a 103
}

// Start listens until the test ends.
func (p Interim) Start(t testing.TB) *Origin {
	t.Helper()
	heads := p.Heads
	if heads == nil {
		heads = []string{"HTTP/1.1 100 Continue\r\n", "HTTP/1.1 103 Early Hints\r\nLink: </style.css>; rel=preload\r\n"}
	}
	return p.start(t, func(c *conn) {
		c.each(func(req *Request) bool {
			for _, head := range heads {
				if _, err := fmt.Fprintf(c, "%s\r\n", head); err != nil {
					return false
				}
			}
			return c.respond(req, http.StatusOK, []byte("final\n"), serverField)
		})
	})
}
