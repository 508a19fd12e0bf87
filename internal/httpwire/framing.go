package httpwire

// FramingKind says how the end of a message body is found.
type FramingKind uint8

const (
	NoBody        FramingKind = iota
	ContentLength             // Framing.Length bytes, at least one
	Chunked                   // a ChunkReader finds it
	UntilClose                // the sender closes the connection
)

func (k FramingKind) String() string {
	return [...]string{"no-body", "content-length", "chunked", "until-close"}[k%4]
}

// Framing is how a message body is delimited. Length is 0 unless Kind is
// ContentLength.
type Framing struct {
	Kind   FramingKind
	Length int64
}

// RequestFraming tells where a request's body ends (RFC 9112 6.3). UntilClose
// occurs in irregular requests only and means that nobody knows: what follows
// must not be read as another request.
func (h *Head) RequestFraming() Framing {
	if !h.coded && h.length == absent {
		return Framing{}
	}
	return h.framing()
}

// ResponseFraming tells where the body of a response to a request of that
// method ends (RFC 9112 6.3). After a 101, or a 2xx to CONNECT, there is no
// body but a tunnel.
func (h *Head) ResponseFraming(method string) Framing {
	switch {
	case method == "HEAD", h.Status < 200, h.Status == 204, h.Status == 304,
		method == "CONNECT" && h.Status < 300:
		return Framing{}
	}
	return h.framing()
}

func (h *Head) framing() Framing {
	switch {
	case h.chunked:
		return Framing{Kind: Chunked}
	case h.coded, h.length < 0:
		return Framing{Kind: UntilClose}
	case h.length == 0:
		return Framing{}
	}
	return Framing{Kind: ContentLength, Length: h.length}
}
