package bind

import (
	"errors"
	"net"
	"net/netip"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

const (
	firstBackOff = 5 * time.Millisecond
	lastBackOff  = time.Second
	quietAfter   = time.Second
)

// listener is one listening socket and who wants it.
type listener struct {
	addr     netip.AddrPort
	socket   net.Listener
	shutdown func()        // makes a socket that others hold too refuse connections; nil for our own
	closing  chan struct{} // closed when the socket is about to be
	done     chan struct{} // closed when the accept loop has ended
	live     *atomic.Int64 // connections that serve functions have
	lastCame atomic.Int64  // unix nanoseconds, of the last connection

	mu   sync.Mutex
	refs []*Ref // oldest first; guarded by mu, changed under Listeners.mu too
	last func(net.Conn)
}

func newListener(addr netip.AddrPort, socket net.Listener, shutdown func()) *listener {
	return &listener{addr: addr, socket: socket, shutdown: shutdown, closing: make(chan struct{}), done: make(chan struct{}), live: new(atomic.Int64)}
}

func (l *listener) add(r *Ref) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.refs = append(l.refs, r)
	l.last = r.serve
}

// remove reports whether r was there and was the last. Its serve function
// stays for the connections that are still queued.
func (l *listener) remove(r *Ref) (last bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	i := slices.Index(l.refs, r)
	if i < 0 {
		return false
	}
	l.refs = slices.Delete(l.refs, i, i+1)
	if n := len(l.refs); n > 0 {
		l.last = l.refs[n-1].serve
	}
	return len(l.refs) == 0
}

func (l *listener) hand(c net.Conn) {
	l.lastCame.Store(time.Now().UnixNano())
	l.mu.Lock()
	serve := l.last
	l.mu.Unlock()
	l.live.Add(1)
	go func() {
		defer l.live.Add(-1)
		serve(c)
	}()
}

// acceptLoop accepts until the listener is closed. Whatever else goes wrong, it
// waits a little and tries again: the queue keeps the clients meanwhile.
func (l *listener) acceptLoop(gate *gate, trouble func(netip.AddrPort, error)) {
	defer close(l.done)
	var backOff time.Duration
	for l.pass(gate) {
		c, err := l.socket.Accept()
		switch {
		case err == nil:
			if backOff != 0 {
				backOff = 0
				trouble(l.addr, nil)
			}
			l.hand(c)
			continue
		case errors.Is(err, net.ErrClosed), l.isClosing():
			return
		case errors.Is(err, os.ErrDeadlineExceeded):
			continue // of Pause
		case backOff == 0:
			trouble(l.addr, err)
		}
		backOff = min(max(2*backOff, firstBackOff), lastBackOff)
		select {
		case <-time.After(backOff):
		case <-l.closing:
			return
		}
	}
}

// pass waits until the gate is open; false if the listener is closing.
func (l *listener) pass(gate *gate) bool {
	select {
	case <-gate.passable():
		return true
	case <-l.closing:
		return false
	}
}

func (l *listener) isClosing() bool {
	select {
	case <-l.closing:
		return true
	default:
		return false
	}
}

// close ends the listening and waits for the accept loop. The kernel resets
// the connections that are queued in a socket it closes; so no new ones are
// let in, and those that are there are accepted first.
func (l *listener) close() {
	close(l.closing)
	if s, ok := l.socket.(*net.TCPListener); ok {
		quiet := time.Since(time.Unix(0, l.lastCame.Load())) > quietAfter
		drain(s, l.shutdown != nil, quiet, l.hand)
	}
	if l.shutdown != nil {
		l.shutdown()
	}
	l.socket.Close()
	<-l.done
}

// leave ends this process's part in a socket that another one has too, and
// goes on to listen on.
func (l *listener) leave() {
	close(l.closing)
	l.socket.Close()
	<-l.done
}
