package dissect

import (
	"testing"

	"fanlight/internal/flow"
	"fanlight/internal/packet"
)

// TestHops: a reset is odd if it came with another TTL than its sender's
// packets, and if both are known.
func TestHops(t *testing.T) {
	packetOf := func(ttl, flags uint8) *packet.Info {
		in := &packet.Info{TTL: ttl}
		in.TCP.Flags = flags
		return in
	}
	var h hops
	h.note(fromServer, packetOf(62, packet.RST))
	if got := h.odd(fromServer); got != nil {
		t.Errorf("nothing to compare with, got %v", got)
	}
	h.note(fromServer, packetOf(52, packet.ACK))
	h.note(fromClient, packetOf(62, packet.ACK))
	e := flow.Event{Attrs: h.odd(fromServer)}
	if e.Attr(flow.KeyTTL) != "62" || e.Attr(flow.KeyUsualTTL) != "52" {
		t.Errorf("got %v, want 62 instead of 52", e.Attrs)
	}
	if e := (flow.Event{Attrs: h.odd(fromServer)}); e.Attr(flow.KeySYNTTL) != "" {
		t.Errorf("got %v after other packets than the SYN", e.Attrs)
	}
	h.turn()
	if got := h.odd(fromClient); got == nil {
		t.Error("turned round, got nothing")
	}
	h.turn()
	var opened hops
	opened.note(fromServer, packetOf(62, packet.SYN|packet.ACK))
	opened.note(fromServer, packetOf(57, packet.RST))
	if e := (flow.Event{Attrs: opened.odd(fromServer)}); e.Attr(flow.KeySYNTTL) != "62" || e.Attr(flow.KeyUsualTTL) != "" {
		t.Errorf("after the SYN alone: got %v", e.Attrs)
	}
	h.note(fromServer, packetOf(52, packet.RST))
	if got := h.odd(fromServer); got != nil {
		t.Errorf("the same way, got %v", got)
	}
}
