package origin

import (
	"sync"
	"time"

	"fanlight/internal/httpconn"
)

// leash is a transport whose waits can be ended for good from another
// goroutine: a deadline that is set after pull changes nothing. Without it the
// owner's next deadline would undo the interruption.
type leash struct {
	httpconn.Transport
	mu     sync.Mutex
	pulled bool
}

func (l *leash) pull() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.pulled = true
	_ = l.Transport.SetDeadline(time.Unix(1, 0)) // fails only when it is closed already
}

func (l *leash) SetDeadline(t time.Time) error      { return l.set(l.Transport.SetDeadline, t) }
func (l *leash) SetReadDeadline(t time.Time) error  { return l.set(l.Transport.SetReadDeadline, t) }
func (l *leash) SetWriteDeadline(t time.Time) error { return l.set(l.Transport.SetWriteDeadline, t) }

// CutShort is that of the transport.
func (l *leash) CutShort() bool { return httpconn.CutShort(l.Transport) }

func (l *leash) set(deadline func(time.Time) error, t time.Time) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.pulled {
		return nil
	}
	return deadline(t)
}
