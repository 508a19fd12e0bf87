package dissect

import (
	"strconv"

	"fanlight/internal/flow"
	"fanlight/internal/packet"
)

// hops keeps the TTL (IPv6: hop limit) of each side's packets. A side's packets
// come the same way as a rule and arrive with the same; a reset that does not
// was probably sent by something else.
type hops struct {
	usual, reset [2]uint8 // of the last packet, of the last reset; 0: none yet
	more         [2]bool  // packets other than the SYN have come
}

func (h *hops) note(dir int, in *packet.Info) {
	if in.TCP.Flags&packet.RST != 0 {
		h.reset[dir] = in.TTL
	} else {
		h.usual[dir] = in.TTL
		h.more[dir] = h.more[dir] || in.TCP.Flags&packet.SYN == 0
	}
}

// turn exchanges the directions.
func (h *hops) turn() {
	h.usual[0], h.usual[1] = h.usual[1], h.usual[0]
	h.reset[0], h.reset[1] = h.reset[1], h.reset[0]
	h.more[0], h.more[1] = h.more[1], h.more[0]
}

// odd are the facts of a reset that came otherwise than the packets before it.
func (h *hops) odd(dir int) []flow.Attr {
	usual, reset := h.usual[dir], h.reset[dir]
	if usual == 0 || reset == 0 || usual == reset {
		return nil
	}
	than := flow.KeyUsualTTL
	if !h.more[dir] {
		than = flow.KeySYNTTL
	}
	return flow.Attrs(flow.KeyTTL, strconv.Itoa(int(reset)), than, strconv.Itoa(int(usual)))
}
