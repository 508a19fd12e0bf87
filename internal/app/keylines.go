package app

import (
	"context"
	"io"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"
)

const keyLogLines = 20_000 // of secrets kept; a handshake has one, or four with TLS 1.3

// keyLines keeps the latest lines of a key log in memory, as long as somebody
// wants them. It is what crypto/tls writes to, a line a call, and may be used
// concurrently.
type keyLines struct {
	limit  int
	always bool // not only while somebody follows

	followers atomic.Int32

	mu    sync.Mutex
	lines []keyLine
	next  int           // the oldest, once there are as many as the limit
	count uint64        // lines that were ever written
	more  chan struct{} // closed by the next line; nil: nobody waits for it
	ended bool
	left  chan struct{} // closed when the last follower leaves; nil: nobody waits for it
}

type keyLine struct {
	at   int64 // nanoseconds since the Unix epoch
	text string
}

// writer is where a handshake that begins now is to write its secrets, nil
// while nobody wants them: a handshake pays for each line, and what is not kept
// cannot be stolen.
func (k *keyLines) writer() io.Writer {
	if !k.always && k.followers.Load() == 0 {
		return nil // not a nil *keyLines in an interface
	}
	return k
}

// Write keeps one line. It never fails and waits for no reader.
func (k *keyLines) Write(line []byte) (int, error) {
	entry := keyLine{time.Now().UnixNano(), string(line)}
	k.mu.Lock()
	defer k.mu.Unlock()
	if !k.always && k.followers.Load() == 0 {
		return len(line), nil // the last follower left during the handshake
	}
	if k.count++; len(k.lines) < k.limit {
		k.lines = append(k.lines, entry)
	} else {
		k.lines[k.next] = entry
		k.next = (k.next + 1) % k.limit
	}
	if k.more != nil {
		close(k.more)
		k.more = nil
	}
	return len(line), nil
}

// between gives the lines that were written from one time to another, oldest
// first.
func (k *keyLines) between(from, to int64) []byte {
	k.mu.Lock()
	defer k.mu.Unlock()
	var out []byte
	for i := range k.lines {
		line := &k.lines[(k.next+i)%len(k.lines)]
		if line.at >= from && line.at <= to {
			out = append(out, line.text...)
		}
	}
	return out
}

// Follow calls give with the lines that are kept, none at first if there are
// none, and then with further ones as they come, until ctx ends, give fails or
// no more will come. Who is too slow misses the oldest.
func (k *keyLines) Follow(ctx context.Context, give func(lines []byte) error) error {
	k.followers.Add(1)
	defer k.leave()
	var read uint64
	for {
		lines, count, more := k.since(read)
		read = count
		if err := give(lines); err != nil {
			return err
		}
		if more == nil {
			return nil
		}
		select {
		case <-more:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// since gives the kept ones of the lines after the first so many, how many there
// were by now, and a channel that is closed when there are more, nil if there
// never will be.
func (k *keyLines) since(read uint64) (lines []byte, count uint64, more <-chan struct{}) {
	k.mu.Lock()
	defer k.mu.Unlock()
	wanted := int(min(k.count-read, uint64(len(k.lines))))
	for i := len(k.lines) - wanted; i < len(k.lines); i++ {
		lines = append(lines, k.lines[(k.next+i)%len(k.lines)].text...)
	}
	if k.more == nil && !k.ended {
		k.more = make(chan struct{})
	}
	return lines, k.count, k.more
}

// end tells that no more lines will come, and returns when those who follow have
// the last ones, or ctx ends.
func (k *keyLines) end(ctx context.Context) {
	k.mu.Lock()
	k.ended = true
	if k.more != nil {
		close(k.more)
		k.more = nil
	}
	left := make(chan struct{})
	if k.followers.Load() == 0 {
		close(left)
	} else {
		k.left = left
	}
	k.mu.Unlock()
	select {
	case <-left:
	case <-ctx.Done():
	}
}

// leave forgets the secrets when nobody wants them any more.
func (k *keyLines) leave() {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.followers.Add(-1) > 0 {
		return
	}
	if !k.always {
		k.lines, k.next = nil, 0
	}
	if k.left != nil {
		close(k.left)
		k.left = nil
	}
}

// loggedKeyLines tell the log when somebody follows, never what.
type loggedKeyLines struct {
	*keyLines
	log *slog.Logger
}

func (k loggedKeyLines) Follow(ctx context.Context, give func(lines []byte) error) error {
	said := sync.OnceFunc(func() { k.log.Info("secrets of handshakes are followed over the control socket") })
	defer k.log.Info("a follower of secrets has gone")
	return k.keyLines.Follow(ctx, func(lines []byte) error {
		said() // now that it is true: no handshake that begins is missed
		return give(lines)
	})
}
