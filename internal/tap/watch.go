package tap

import (
	"sync"
	"time"

	"fanlight/internal/flow"
	"fanlight/internal/tlsfact"
	"fanlight/internal/tlswire"
)

// watch reads the record headers of a TLS connection as they pass: the clear
// part of the handshake, clear alerts, and in TLS 1.2 and below a HelloRequest
// by its record type (findings: a handshake record from the server after the
// handshake is done).
type watch struct {
	conn           *Conn
	in, out        direction
	onHelloRequest func() error

	mu      sync.Mutex
	done    bool // the first handshake is complete
	sealed  int  // handshake records of the server since its ChangeCipherSpec in the first handshake
	asked   bool // a HelloRequest came and is not settled
	started bool // the client has begun to answer it
	changed bool // the server sent ChangeCipherSpec in this renegotiation
	err     error
}

// direction is one half of the connection.
type direction struct {
	scanner    tlswire.Scanner
	handshakes tlswire.Handshakes
	emit       func(tlswire.Record) // kept here so that a read allocates nothing
	notTLS     bool
}

func newWatch(c *Conn) *watch {
	w := &watch{conn: c}
	for _, d := range []*direction{&w.in, &w.out} {
		from := c.self
		if d == &w.in {
			from = c.self.Other()
		}
		d.scanner.Keep = true
		d.emit = func(r tlswire.Record) { w.record(d, from, r) }
	}
	return w
}

func (w *watch) read(p []byte) error {
	w.scan(&w.in, p)
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.err
}

func (w *watch) write(p []byte) { w.scan(&w.out, p) }

func (w *watch) scan(d *direction, p []byte) {
	if d.notTLS {
		return
	}
	if err := d.scanner.Write(p, d.emit); err != nil {
		d.notTLS = true // crypto/tls reports it; the owner records the failure
	}
}

func (w *watch) handshakeDone() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.done = true
	for _, d := range []*direction{&w.in, &w.out} {
		d.scanner.Keep = false
		d.handshakes = tlswire.Handshakes{}
	}
	if w.sealed > 1 {
		w.helloRequested() // it came with the server's Finished
	}
}

func (w *watch) record(d *direction, from flow.Side, r tlswire.Record) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.done {
		w.renegotiation(from, r)
		return
	}
	switch {
	case r.Type == tlswire.Handshake && r.Sealed && from == flow.Server:
		w.sealed++ // the first is its Finished
	case r.Type == tlswire.Handshake && !r.Sealed:
		// A damaged message is crypto/tls's to report.
		_ = d.handshakes.Add(r.Payload, func(typ uint8, body []byte) { w.message(from, typ, body) })
	case r.Type == tlswire.AlertRecord && !r.Sealed:
		if level, code, ok := tlswire.ParseAlert(r.Payload); ok {
			w.add(flow.Event{Kind: flow.Alert, From: from, Text: tlswire.AlertName(code), Attrs: flow.Attrs(flow.KeyLevel, tlswire.AlertLevelName(level))})
		}
	}
}

func (w *watch) add(e flow.Event) {
	e.At = time.Now()
	w.conn.log.Add(e)
}

func (w *watch) message(from flow.Side, typ uint8, body []byte) {
	switch typ {
	case tlswire.TypeClientHello:
		if hello, err := tlswire.ParseClientHello(body); err == nil {
			w.add(tlsfact.ClientHello(hello))
		}
	case tlswire.TypeServerHello:
		if hello, err := tlswire.ParseServerHello(body); err == nil {
			w.add(tlsfact.ServerHello(hello))
		}
	case tlswire.TypeNewSessionTicket: // of TLS 1.2 and below; later ones are encrypted
		if ticket := tlswire.NewTicket(body, false); ticket != "" {
			w.add(flow.Event{Kind: flow.SessionTicket, From: from, Attrs: flow.Attrs(flow.KeyTickets, ticket)})
		}
	}
}

// renegotiation follows the records after the first handshake, whose content
// is encrypted but whose types are not (TLS <= 1.2).
func (w *watch) renegotiation(from flow.Side, r tlswire.Record) {
	switch {
	case from == flow.Server && r.Type == tlswire.Handshake && !w.asked:
		w.helloRequested()
	case from == flow.Client && r.Type == tlswire.Handshake && w.asked && !w.started:
		w.started = true
		w.add(flow.Event{Kind: flow.Renegotiating, From: flow.Client})
	case from == flow.Server && r.Type == tlswire.ChangeCipherSpec && w.started:
		w.changed = true
	case from == flow.Server && r.Type == tlswire.Handshake && w.changed:
		w.asked, w.started, w.changed = false, false, false
		w.add(flow.Event{Kind: flow.Renegotiated})
	}
}

func (w *watch) helloRequested() {
	w.asked, w.started, w.changed = true, false, false
	w.add(flow.Event{Kind: flow.HelloRequest, From: flow.Server})
	if w.onHelloRequest != nil && w.err == nil {
		w.err = w.onHelloRequest()
	}
}

func versionName(v uint16) string { return tlswire.VersionName(v) }
