package testnet

import (
	"fmt"
	"slices"
	"testing"
	"time"
)

// Event is a kind of log entry.
type Event string

const (
	Opened          Event = "opened"
	HandshakeFailed Event = "handshake-failed"
	Requested       Event = "request"
	HelloRequested  Event = "hello-request"
	ClientBegan     Event = "client-hello"  // the client began a renegotiation nobody answers
	Renegotiated    Event = "renegotiated"  // Text: the client certificate's subject, or none
	Refused         Event = "refused"       // the client answered no_renegotiation
	Failed          Event = "failed"        // a renegotiation failed; Text says why
	Authenticated   Event = "authenticated" // Text: the user
	Leaked          Event = "leaked"        // a request of one user on another's connection
	Closed          Event = "closed"        // Text: by whom and how
)

// Entry is one thing an origin saw or did.
type Entry struct {
	Conn    int // connections count from 1
	Event   Event
	Text    string
	Request *Request // of Requested
}

func (e Entry) String() string {
	s := fmt.Sprintf("c%d %s", e.Conn, e.Event)
	if e.Text != "" {
		s += " " + e.Text
	}
	return s
}

// journal keeps the first entries and counts all.
type journal struct {
	entries []Entry
	counts  map[Event]int
	changed chan struct{} // closed at the next entry; nil: nobody waits
}

const maxEntries = 10_000

func (c *conn) note(event Event, text string) { c.origin.note(Entry{c.number, event, text, nil}) }

func (o *Origin) note(e Entry) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.log.entries) < maxEntries {
		o.log.entries = append(o.log.entries, e)
	}
	if o.log.counts == nil {
		o.log.counts = map[Event]int{}
	}
	o.log.counts[e.Event]++
	if o.log.changed != nil {
		close(o.log.changed)
		o.log.changed = nil
	}
}

// Log is what the origin saw so far, at most its first 10000 entries.
func (o *Origin) Log() []Entry {
	o.mu.Lock()
	defer o.mu.Unlock()
	return slices.Clone(o.log.entries)
}

// Requests are the requests of the log.
func (o *Origin) Requests() (out []*Request) {
	for _, e := range o.Log() {
		if e.Event == Requested {
			out = append(out, e.Request)
		}
	}
	return out
}

// Count says how often an event happened, those beyond the log included.
func (o *Origin) Count(event Event) int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.log.counts[event]
}

// Await waits, a minute at most, until an event has happened n times.
func (o *Origin) Await(t testing.TB, event Event, n int) {
	t.Helper()
	timeout := time.After(time.Minute)
	for {
		o.mu.Lock()
		if o.log.counts[event] >= n {
			o.mu.Unlock()
			return
		}
		if o.log.changed == nil {
			o.log.changed = make(chan struct{})
		}
		changed := o.log.changed
		o.mu.Unlock()
		select {
		case <-changed:
		case <-timeout:
			t.Fatalf("%s happened %d times, not %d; log: %v", event, o.Count(event), n, o.Log())
		}
	}
}
