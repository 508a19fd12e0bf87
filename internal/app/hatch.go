package app

import (
	"errors"
	"net"
	"os"
	"sync"
	"time"
)

// hatch is a listener that can be made to wait while another process holds the
// same socket.
type hatch struct {
	net.Listener

	mu     sync.Mutex
	resume chan struct{} // not nil: it waits until this is closed
	closed chan struct{}
	once   sync.Once
}

func newHatch(ln net.Listener) *hatch {
	return &hatch{Listener: ln, closed: make(chan struct{})}
}

// Accept waits out a pause.
func (h *hatch) Accept() (net.Conn, error) {
	for {
		if err := h.pass(); err != nil {
			return nil, err
		}
		c, err := h.Listener.Accept()
		if !errors.Is(err, os.ErrDeadlineExceeded) {
			return c, err
		}
	}
}

func (h *hatch) pass() error {
	h.mu.Lock()
	resume := h.resume
	h.mu.Unlock()
	if resume == nil {
		return nil
	}
	select {
	case <-resume:
		return nil
	case <-h.closed:
		return net.ErrClosed
	}
}

// Close ends the listening.
func (h *hatch) Close() error {
	h.once.Do(func() { close(h.closed) })
	return h.Listener.Close()
}

// pause has Accept wait until the returned function is called.
func (h *hatch) pause() (resume func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	c := make(chan struct{})
	h.resume = c
	h.setDeadline(time.Unix(1, 0))
	return func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		h.setDeadline(time.Time{})
		h.resume = nil
		close(c)
	}
}

func (h *hatch) setDeadline(at time.Time) {
	if l, ok := h.Listener.(interface{ SetDeadline(time.Time) error }); ok {
		_ = l.SetDeadline(at) // fails only when it is closed already
	}
}
