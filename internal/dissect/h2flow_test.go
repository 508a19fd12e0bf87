package dissect

import (
	"strings"
	"testing"
	"time"

	frames "golang.org/x/net/http2"
)

func (p *h2Peers) pause(d time.Duration) { p.time += int64(d) }

// agreed acknowledges the SETTINGS that newH2Peers sent.
func (p *h2Peers) agreed() {
	for dir := range p.framer {
		p.framer[dir].WriteSettingsAck()
		p.send(dir)
	}
}

func (p *h2Peers) give(dir int, stream, credit uint32) {
	p.framer[dir].WriteWindowUpdate(stream, credit)
	p.send(dir)
}

// body writes DATA frames of n bytes together.
func (p *h2Peers) body(dir int, stream uint32, n int) {
	for ; n > 0; n -= 16_384 {
		p.framer[dir].WriteData(stream, false, make([]byte, min(n, 16_384)))
	}
	p.send(dir)
}

// TestHTTP2Stalls: waits for room are told once they are over, if they were
// long, and which window it was.
func TestHTTP2Stalls(t *testing.T) {
	p := newH2Peers(false)
	p.agreed()
	p.framer[fromClient].WriteSettings(frames.Setting{ID: frames.SettingInitialWindowSize, Val: 1000})
	p.send(fromClient)
	p.framer[fromServer].WriteSettingsAck()
	p.send(fromServer)
	p.ask(1, true)
	p.headers(fromServer, 1, false, ":status", "200")
	p.body(fromServer, 1, 1000)
	p.pause(3 * time.Second)
	p.give(fromClient, 1, 70_000)
	p.ask(3, true)
	p.headers(fromServer, 3, false, ":status", "200")
	p.content(fromServer, 3, false, "some")
	p.body(fromServer, 1, 64_531) // the rest of the connection's window
	p.pause(500 * time.Millisecond)
	p.give(fromClient, 0, 10)
	p.content(fromServer, 1, false, "0123456789")
	p.pause(2 * time.Second)
	p.give(fromClient, 0, 100_000)
	p.framer[fromClient].WriteRSTStream(3, frames.ErrCodeCancel)
	p.send(fromClient)
	p.content(fromServer, 1, true, "end")
	p.check(t,
		asked(1, 1, ""), "x1 request-done by client", "x1 response by server 200",
		"x1 stalled by server stream bytes=1000 stream=1 waited_ms=3001.000",
		asked(2, 3, ""), "x2 request-done by client", "x2 response by server 200",
		"x1 stalled by server connection bytes=65541 stream=1 waited_ms=2001.000",
		"x2 stalled by server connection bytes=4 stream=3 waited_ms=2001.000",
		"x2 stream-reset by client CANCEL stream=3", "x2 exchange-done truncated",
		"x1 response-done by server bytes=65544 pause_ms=3005.000", "x1 exchange-done complete",
	)
}

// TestHTTP2StallWithoutEnd: an upload that was never taken.
func TestHTTP2StallWithoutEnd(t *testing.T) {
	p := newH2Peers(false)
	p.agreed()
	p.ask(1, false)
	p.body(fromClient, 1, 65_535)
	p.pause(4 * time.Second)
	p.framer[fromClient].WriteRSTStream(1, frames.ErrCodeCancel)
	p.send(fromClient)
	p.check(t,
		asked(1, 1, ""),
		"x1 stream-reset by client CANCEL stream=1",
		"x1 stalled by client stream bytes=65535 stream=1 waited_ms=4001.000",
		"x1 exchange-done no-response",
	)
}

// TestHTTP2StallsUnjudged: where credit may have been lost, or raised by
// SETTINGS in time, nobody waited.
func TestHTTP2StallsUnjudged(t *testing.T) {
	for name, passed := range map[string]func(p *h2Peers){
		"lost": func(p *h2Peers) {
			p.framer[fromClient].WriteWindowUpdate(1, 1000)
			p.lose(fromClient, 0, p.buf[fromClient].Len())
		},
		"raised": func(p *h2Peers) {
			p.framer[fromClient].WriteSettings(frames.Setting{ID: frames.SettingInitialWindowSize, Val: 100_000})
			p.framer[fromClient].WriteWindowUpdate(0, 100_000)
			p.send(fromClient)
		},
	} {
		p := newH2Peers(false)
		p.ask(1, true)
		p.headers(fromServer, 1, false, ":status", "200")
		p.body(fromServer, 1, 65_535)
		passed(p)
		p.pause(4 * time.Second)
		p.content(fromServer, 1, true, "end")
		for _, line := range p.log.lines {
			if line != asked(1, 1, "") && line != "x1 request-done by client" && line != "x1 response by server 200" &&
				!strings.HasPrefix(line, "x1 response-done by server bytes=65538 ") && line != "x1 exchange-done complete" {
				t.Errorf("%s: %s", name, line)
			}
		}
	}
}

// TestHTTP2Unconfirmed: of the frames that were not acknowledged the oldest is
// told when the connection ends.
func TestHTTP2Unconfirmed(t *testing.T) {
	p := newH2Peers(false)
	p.agreed()
	p.framer[fromClient].WritePing(false, [8]byte{1})
	p.framer[fromClient].WritePing(false, [8]byte{2})
	p.send(fromClient)
	p.framer[fromServer].WritePing(true, [8]byte{1})
	p.send(fromServer)
	p.pause(5 * time.Second)
	p.check(t, "x0 unconfirmed by client ping waited_ms=5001.000")
}

func TestHTTP2ForbiddenField(t *testing.T) {
	p := newH2Peers(false)
	p.ask(1, true)
	p.headers(fromServer, 1, true, ":status", "200", "upgrade", "h2,h2c", "connection", "Upgrade")
	p.check(t,
		asked(1, 1, ""), "x1 request-done by client",
		`x1 response by server 200 "upgrade: h2,h2c\r\nconnection: Upgrade\r\n"`,
		"x1 irregular by server h2-forbidden-field field=upgrade",
		"x1 response-done by server", "x1 exchange-done complete",
	)
}
