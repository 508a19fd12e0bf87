package tap

import "errors"

var errLongPreface = errors.New("what stands in front of the connection is too long")

// ReadPreface reads what the peer puts in front of TLS or HTTP. parse is given
// all that has come so far, until it tells the length of the preface or an
// error; 0 asks for more, of which there are most bytes at the most. What has
// come behind it is left for the reads that follow. It is for the one who reads,
// before anything else is read, and waits as long as the read deadline allows.
func (c *Conn) ReadPreface(most int, parse func(p []byte) (n int, err error)) error {
	buf := make([]byte, 0, min(most, prefaceBuffer))
	for {
		if len(buf) == most {
			return errLongPreface
		}
		if len(buf) == cap(buf) {
			buf = append(make([]byte, 0, min(most, 2*cap(buf))), buf...)
		}
		had := len(buf)
		n, err := c.take(buf[had:cap(buf)])
		if n == 0 && err != nil {
			c.received.Add(int64(had))
			c.ended(err)
			return err
		}
		buf = buf[:had+n]
		end, err := parse(buf)
		if err != nil {
			c.received.Add(int64(len(buf)))
			return err
		}
		if end > 0 {
			c.received.Add(int64(end))
			c.ahead = buf[end:]
			return nil
		}
	}
}

// prefaceBuffer holds a preface, and what mostly comes with it.
const prefaceBuffer = 1 << 10

// take reads what came with a preface first.
func (c *Conn) take(p []byte) (int, error) {
	if len(c.ahead) == 0 {
		return c.read(p)
	}
	n := copy(p, c.ahead)
	if c.ahead = c.ahead[n:]; len(c.ahead) == 0 {
		c.ahead = nil
	}
	return n, nil
}

// WritePreface sends what stands in front of TLS or HTTP, before anything else is
// written.
func (c *Conn) WritePreface(p []byte) error {
	n, err := c.Conn.Write(p)
	c.sent.Add(int64(n))
	if err != nil {
		c.ended(err)
	}
	return err
}
