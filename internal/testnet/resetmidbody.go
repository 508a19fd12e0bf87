package testnet

import (
	"bytes"
	"cmp"
	"fmt"
	"testing"
)

// ResetMidBody answers each request with a head and half of the body it
// promised, and then ends the connection.
type ResetMidBody struct {
	At
	Length  int  // of the promised body; 0 is 1000
	Chunked bool // whole chunks without the last one, instead of Content-Length
	End     End  // default RST
}

// Start listens until the test ends.
func (p ResetMidBody) Start(t testing.TB) *Origin {
	t.Helper()
	return p.start(t, func(c *conn) {
		c.each(func(*Request) bool {
			if _, err := c.Write(p.half()); err != nil {
				c.ended(err)
				return false
			}
			c.end(cmp.Or(p.End, RST))
			return false
		})
	})
}

func (p ResetMidBody) half() []byte {
	length := cmp.Or(p.Length, 1000)
	body := bytes.Repeat([]byte("x"), length/2)
	if p.Chunked {
		return fmt.Appendf(nil, "HTTP/1.1 200 OK\r\n%s\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n", serverField, len(body), body)
	}
	return fmt.Appendf(nil, "HTTP/1.1 200 OK\r\n%s\r\nContent-Length: %d\r\n\r\n%s", serverField, length, body)
}
