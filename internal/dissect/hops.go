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
}

func (h *hops) note(dir int, in *packet.Info) {
	if in.TCP.Flags&packet.RST != 0 {
		h.reset[dir] = in.TTL
	} else {
		h.usual[dir] = in.TTL
	}
}

// odd are the facts of a reset that came otherwise than the packets before it.
func (h *hops) odd(dir int) []flow.Attr {
	usual, reset := h.usual[dir], h.reset[dir]
	if usual == 0 || reset == 0 || usual == reset {
		return nil
	}
	return flow.Attrs(flow.KeyTTL, strconv.Itoa(int(reset)), flow.KeyUsualTTL, strconv.Itoa(int(usual)))
}
