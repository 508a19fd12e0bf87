package dissect

import (
	"io"

	"fanlight/internal/flow"
	"fanlight/internal/reassembly"
)

// Directions, as the decoders have them.
const (
	fromClient = 0
	fromServer = 1
)

func side(dir int) flow.Side { return flow.Client + flow.Side(dir) }

// speaker reads one protocol from the two byte streams of a connection, and
// emits what it sees. The mark tells when the bytes were there, and in which
// packet.
type speaker interface {
	// bytes takes the next bytes of a direction; p may be used only in the call.
	bytes(dir int, p []byte, m reassembly.Mark)
	// skip tells that the next n bytes of a direction are missing; -1: nobody
	// knows how many.
	skip(dir int, n int64, m reassembly.Mark)
	// end tells that a direction ends here; clean: as its protocol below has it
	// (FIN, under TLS a close_notify), as far as that could be read.
	end(dir int, clean flow.Seen, m reassembly.Mark)
	// over tells that nothing more will be seen. A speaker emits the end of those
	// exchanges that will not go on, or of which nobody could tell; the others
	// stay open.
	over(m reassembly.Mark)
	// held is how many bytes of memory it holds now, about.
	held() int
}

// recorder is what a speaker emits to.
type recorder interface {
	// emit adds an event at the mark. The event's strings and header are kept:
	// they must not be changed afterwards.
	emit(m reassembly.Mark, e flow.Event)
	// whole tells whether all that was on the connection so far could be read.
	whole() bool
	// newExchange gives the next exchange of the connection.
	newExchange() flow.ExchangeID
	// hashing tells whether hashes of bodies are wanted.
	hashing() bool
	// bodyTo is where a body is wanted, mostly nil.
	bodyTo(x flow.ExchangeID, dir int) io.Writer
	// tunnel makes the bytes from here on be read as a protocol of their own.
	// What is left of the piece in hand is for the speaker to pass on.
	tunnel(protocol string) speaker
}
