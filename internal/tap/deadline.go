package tap

import (
	"errors"
	"os"
	"sync"
	"time"
)

// deadline is that of the reads or the writes of a connection. Every exchange
// moves it, mostly to a later time, and to move the runtime's timer costs more
// than to look, when it fires, whether it was meant: a later limit leaves the
// timer where it is.
type deadline struct {
	mu    sync.Mutex
	want  time.Time // zero: none
	armed time.Time // what the connection below was told; zero: none
}

// set notes what is wanted, and tells the connection below, by arm, if its
// timer would fire too late.
func (d *deadline) set(t time.Time, arm func(time.Time) error) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.want = t
	if !d.armed.IsZero() && (t.IsZero() || !t.Before(d.armed)) || t.IsZero() && d.armed.IsZero() {
		return nil
	}
	d.armed = t
	return arm(t)
}

// early reports that err is of a timer that fired before its time, which is set
// again: what was interrupted goes on.
func (d *deadline) early(err error, arm func(time.Time) error) bool {
	if !errors.Is(err, os.ErrDeadlineExceeded) {
		return false
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.want.IsZero() && !time.Now().Before(d.want) {
		return false
	}
	d.armed = d.want
	return arm(d.want) == nil
}

// SetDeadline bounds reads and writes; a zero time takes the bounds away.
func (c *Conn) SetDeadline(t time.Time) error {
	return errors.Join(c.SetReadDeadline(t), c.SetWriteDeadline(t))
}

// SetReadDeadline bounds the reads from now on, also one that waits. It says
// nothing of a closed connection, whose reads do.
func (c *Conn) SetReadDeadline(t time.Time) error {
	return c.reading.set(t, c.Conn.SetReadDeadline)
}

// SetWriteDeadline bounds the writes, with the rules of SetReadDeadline.
func (c *Conn) SetWriteDeadline(t time.Time) error {
	return c.writing.set(t, c.Conn.SetWriteDeadline)
}
