package httpconn

import (
	"io"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/net/http2"

	"fanlight/internal/flow"
	"fanlight/internal/httpwire"
	"fanlight/internal/testnet"
)

// FuzzH2Server: whatever a client sends, no handler is left behind, nothing
// panics, every exchange has one end, and no more is kept than the limits allow.
func FuzzH2Server(f *testing.F) {
	var enc httpwire.HPACKEncoder
	block := enc.Begin(nil)
	for _, p := range [][2]string{{":method", "POST"}, {":scheme", "https"}, {":path", "/a"}, {":authority", "shop.test"}} {
		block = httpwire.AppendHPACK(block, p[0], p[1])
	}
	ask := func(stream uint32, end bool) []byte { return httpwire.AppendBlock(nil, stream, block, end, 1<<14) }
	f.Add(append(ask(1, true), ask(3, true)...))
	f.Add(httpwire.AppendData(append(ask(1, false), ask(3, true)...), 1, []byte("body"), true))
	f.Add(httpwire.AppendReset(httpwire.AppendData(ask(1, false), 1, make([]byte, 2000), false), 1, 8))
	f.Add(httpwire.AppendWindow(httpwire.AppendSettings(ask(1, true), httpwire.H2Setting{ID: 4, Value: 3}), 1, 100))
	f.Add(httpwire.AppendBlock(httpwire.AppendData(ask(1, false), 1, []byte("x"), false), 1, []byte{0, 1, 'a', 1, 'b'}, true, 1<<14))
	f.Add(httpwire.AppendGoAway(httpwire.AppendPing(ask(1, true), [8]byte{}, false), 0, 0, "bye"))
	f.Fuzz(func(t *testing.T, sent []byte) {
		synctest.Test(t, func(t *testing.T) { fuzzH2(t, sent) })
	})
}

func fuzzH2(t *testing.T, sent []byte) {
	d := newDoor()
	d.Limits.H2 = H2Limits{Streams: 4, Body: 3000, BodyAll: 70_000, Resets: 20, Frames: 100}
	var begun, over atomic.Int32
	near, far := testnet.Pipe()
	done := d.serveHTTP2(far, handlerFunc(func(x Exchange) {
		begun.Add(1)
		answerAll(x)
		over.Add(1)
	}))
	go func() { _, _ = io.Copy(io.Discard, near) }()
	_, _ = io.WriteString(near, http2.ClientPreface)
	_, _ = near.Write(httpwire.AppendSettings(nil))
	_, _ = near.Write(sent)
	time.Sleep(30 * time.Second) // all that is awaited is given up
	near.Close()
	<-done
	if over.Load() != begun.Load() {
		t.Errorf("%d of %d handlers ended", over.Load(), begun.Load())
	}
	if d.panics.Load() > 0 {
		t.Error("a handler panicked")
	}
	ends := map[flow.ExchangeID]int{}
	for _, e := range d.sink.events {
		switch e.Kind {
		case flow.Request:
			ends[e.Exchange] += 0
		case flow.ExchangeDone:
			ends[e.Exchange]++
		}
	}
	for x, n := range ends {
		if n != 1 {
			t.Errorf("%v has %d ends", x, n)
		}
	}
}
