package httpconn

import (
	"errors"
	"os"
)

// append puts bytes into the write buffer, flushing when it is full.
func (c *Conn) append(p []byte) error {
	if c.outN+len(p) > sendBuffer {
		if err := c.flush(); err != nil {
			return err
		}
		if len(p) >= sendBuffer {
			return c.writeAll(p)
		}
	}
	if c.out == nil {
		c.out = c.srv.Buffers.send.get()
	}
	c.outN += copy((*c.out)[c.outN:], p)
	return nil
}

func (c *Conn) flush() error {
	if c.outN == 0 {
		return nil
	}
	err := c.writeAll((*c.out)[:c.outN])
	c.srv.Buffers.send.put(c.out)
	c.out, c.outN = nil, 0
	return err
}

var errUnwritable = errors.New("write to client: an earlier write failed")

func (c *Conn) writeAll(p []byte) error {
	if c.unwritable.Load() {
		return errUnwritable
	}
	_ = c.nc.SetWriteDeadline(after(c.srv.Limits.Write)) // fails only on a closed connection; the write says so
	_, err := c.put(p)
	if err != nil {
		c.broken.Store(true)
		c.unwritable.Store(true)
		if errors.Is(err, os.ErrDeadlineExceeded) {
			c.nc.SetWhy("timeout: write to client")
			c.srv.timedOut(c.log, c.x.id, "write", c.srv.Limits.Write)
		}
	}
	return err
}

// gatherer is a transport that hands several TLS records to the system at once;
// see tap.Secure.WriteGathered.
type gatherer interface {
	WriteGathered(p, scratch []byte) (int, error)
}

// oneRecord is what a TLS record carries at most.
const oneRecord = 16 << 10

func (c *Conn) put(p []byte) (int, error) {
	g, ok := c.nc.(gatherer)
	if !ok || len(p) <= oneRecord {
		return c.nc.Write(p)
	}
	scratch := c.srv.Buffers.out.get()
	defer c.srv.Buffers.out.put(scratch)
	return g.WriteGathered(p, *scratch)
}
