package app

import (
	"sync"
	"time"
)

// keyLines keeps the latest lines of a key log in memory. It is what crypto/tls
// writes to, a line a call, and may be used concurrently.
type keyLines struct {
	limit int

	mu    sync.Mutex
	lines []keyLine
	next  int // the oldest, once there are as many as the limit
}

type keyLine struct {
	at   int64 // nanoseconds since the Unix epoch
	text string
}

// Write keeps one line. It never fails.
func (k *keyLines) Write(line []byte) (int, error) {
	entry := keyLine{time.Now().UnixNano(), string(line)}
	k.mu.Lock()
	defer k.mu.Unlock()
	if len(k.lines) < k.limit {
		k.lines = append(k.lines, entry)
		return len(line), nil
	}
	k.lines[k.next] = entry
	k.next = (k.next + 1) % k.limit
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
