package app

import (
	"bytes"
	"errors"
	"io"
	"time"
)

// patience writes to what may block for ever, as a pipe does that nobody
// reads. A write that takes too long fails and is left to itself; until it
// ends, further ones fail at once. It may yet arrive: what is counted as lost
// is what was not seen to be written. It is for one goroutine.
type patience struct {
	to    io.Writer
	limit time.Duration
	ended chan written // of the write under way
	left  bool         // a write was left to itself
}

type written struct {
	n   int
	err error
}

var errNotRead = errors.New("nobody reads what is written")

func newPatience(to io.Writer, limit time.Duration) *patience {
	return &patience{to: to, limit: limit, ended: make(chan written, 1)}
}

func (p *patience) Write(data []byte) (int, error) {
	if p.left {
		select {
		case <-p.ended:
			p.left = false
		default:
			return 0, errNotRead
		}
	}
	own := bytes.Clone(data) // it may be written after we have returned
	go func() {
		n, err := p.to.Write(own)
		p.ended <- written{n, err}
	}()
	timer := time.NewTimer(p.limit)
	defer timer.Stop()
	select {
	case w := <-p.ended:
		return w.n, w.err
	case <-timer.C:
		p.left = true
		return 0, errNotRead
	}
}
