package tlswire_test

import (
	"fmt"
	"slices"
	"strings"

	"fanlight/internal/tlswire"
)

// collect writes down all that a stream cut into pieces gives.
func collect(stream []byte, size int) (out, fault string) {
	var b strings.Builder
	var h tlswire.Handshakes
	s := tlswire.Scanner{Keep: true}
	for piece := range slices.Chunk(stream, size) {
		err := s.Write(piece, func(r tlswire.Record) {
			fmt.Fprintf(&b, "%v %x %d %x %v\n", r.Type, r.Version, r.Length, r.Payload, r.Sealed)
			if r.Type == tlswire.Handshake && !r.Sealed {
				err := h.Add(r.Payload, func(typ uint8, body []byte) { fmt.Fprintf(&b, "  %d %x\n", typ, body) })
				fmt.Fprintln(&b, "  ", err, h.Incomplete())
			}
		})
		if err != nil {
			fault = err.Error()
		}
	}
	fmt.Fprintln(&b, s.Incomplete())
	return b.String(), fault
}
