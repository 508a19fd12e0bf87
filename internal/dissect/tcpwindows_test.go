package dissect

import (
	"testing"

	"fanlight/internal/packet"
	"fanlight/internal/reassembly"
)

// TestWindows: a sender that fills the window waits until it opens, and what it
// waits is counted; a window that shrinks or closes is the reader's.
func TestWindows(t *testing.T) {
	at := int64(1)
	segment := func(flags uint8, seq, ack uint32, window uint16, n int, scale int8) *packet.Info {
		in := &packet.Info{PayloadLen: n}
		in.TCP = packet.TCPHeader{Flags: flags, Seq: seq, Ack: ack, Window: window, WScale: scale}
		return in
	}
	open := func(client, server int8) *tcpWindows {
		ws := &tcpWindows{}
		ws.note(fromClient, segment(packet.SYN, 0, 0, 2000, 0, client), reassembly.Mark{Time: at})
		ws.note(fromServer, segment(packet.SYN|packet.ACK, 0, 1, 2000, 0, server), reassembly.Mark{Time: at})
		return ws
	}
	// burst has the server send two segments and the client acknowledge them later.
	burst := func(ws *tcpWindows, seq uint32, window uint16, wait int64) {
		ws.note(fromServer, segment(packet.ACK, seq, 1, 2000, 1000, -1), reassembly.Mark{Time: at})
		ws.note(fromServer, segment(packet.ACK, seq+1000, 1, 2000, 1000, -1), reassembly.Mark{Time: at})
		at += wait
		ws.note(fromClient, segment(packet.ACK, 1, seq+2000, window, 0, -1), reassembly.Mark{Time: at})
	}
	for _, c := range []struct {
		name           string
		client, server int8
		first, window  uint16
		times          int32
		waited         int64
		scaling        string
	}{
		{"full each time", -1, -1, 2000, 2000, 3, 300, "no"},
		{"scaled", 1, 2, 1000, 1000, 3, 300, "yes"},
		{"not scaled, as only one offers it", 1, -1, 2000, 2000, 3, 300, "client-only"},
		{"room enough", 2, 2, 2000, 2000, 0, 0, "yes"},
		{"closed", -1, -1, 2000, 0, 1, 100, "no"},
		{"shrunk", -1, -1, 2000, 900, 1, 100, "no"},
	} {
		ws := open(c.client, c.server)
		ws.note(fromClient, segment(packet.ACK, 1, 1, c.first, 0, -1), reassembly.Mark{Time: at})
		for n := range uint32(3) {
			burst(ws, 1+2000*n, c.window, 100)
		}
		got := ws.sent[fromServer]
		if c.name == "closed" { // nothing opens it
			c.times, c.waited = 0, 0
		}
		if got.times != c.times || got.waited != c.waited || ws.scaling() != c.scaling {
			t.Errorf("%s: full %d times, %d ns, scaling %s; want %d, %d, %s", c.name, got.times, got.waited, ws.scaling(), c.times, c.waited, c.scaling)
		}
		ws.turn()
		if ws.sent[fromClient] != got {
			t.Errorf("%s: not turned", c.name)
		}
	}
}
