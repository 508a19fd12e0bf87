package tap

import (
	"sync"
	"sync/atomic"
)

// gathering puts the TLS records of one large write together: crypto/tls writes
// each of them, of at most 16 KiB, by itself, and a system call for each costs
// more than to copy it.
type gathering struct {
	on  atomic.Bool
	mu  sync.Mutex
	buf []byte
	cut atomic.Pointer[error] // of a write that may have left part of a record with the peer: there must be no other
}

// WriteGathered is Write that hands as many records to the system at once as
// scratch has room for.
func (s *Secure) WriteGathered(p, scratch []byte) (int, error) {
	g := &s.tap.gathered
	g.mu.Lock()
	g.buf = scratch[:0]
	g.on.Store(true)
	g.mu.Unlock()
	n, err := s.Conn.Write(p)
	g.mu.Lock()
	defer g.mu.Unlock()
	g.on.Store(false)
	spilt := s.tap.spill()
	g.buf = nil
	if err == nil && spilt != nil {
		n, err = 0, spilt
	}
	return n, err
}

// gather is a Write while records are put together.
func (c *Conn) gather(p []byte) (int, error) {
	g := &c.gathered
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.buf)+len(p) > cap(g.buf) {
		if err := c.spill(); err != nil {
			return 0, err
		}
	}
	if len(p) > cap(g.buf) { // or the last ones have just left
		return c.writeNow(p)
	}
	g.buf = append(g.buf, p...)
	return len(p), nil
}

// spill hands on what was put together; mu of gathered is held.
func (c *Conn) spill() error {
	g := &c.gathered
	if len(g.buf) == 0 {
		return g.broken()
	}
	_, err := c.writeNow(g.buf)
	g.buf = g.buf[:0]
	if err != nil {
		g.cut.CompareAndSwap(nil, &err)
	}
	return err
}

func (g *gathering) broken() error {
	if err := g.cut.Load(); err != nil {
		return *err
	}
	return nil
}
