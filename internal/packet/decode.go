package packet

// Decoder reads frames one after the other. It holds IP fragments until their
// datagram is complete, within limits. The zero value is ready; a Decoder is
// for one goroutine.
type Decoder struct {
	dropped int64
}

// Dropped is how many datagrams were given up for want of a fragment, of time
// or of room.
func (d *Decoder) Dropped() int64 { return d.dropped }

// Decode reads one frame of a link type (as capture files number them) into
// out, all of which it sets. wireLen is the length of the frame before the
// capture cut it, time its nanoseconds since the Unix epoch. It reports
// whether there is a segment or datagram; if not, out.Skip says why. Nothing is
// allocated but for fragments.
func (d *Decoder) Decode(link uint16, data []byte, wireLen int, time int64, out *Info) bool {
	*out = Info{Skip: SkipLink}
	return false
}
