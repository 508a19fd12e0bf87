package quicwire

// handshake is what opening packets needs of the TLS messages in Initial
// packets.
type handshake struct {
	head  [2][80]byte // the first bytes of each direction
	n     [2]int
	suite uint16 // that the server chose; 0 not seen
}

const (
	randomAt  = 4 + 2 // message header, legacy_version
	randomEnd = randomAt + 32
)

// read takes the next bytes of a direction. A HelloRetryRequest names the suite
// of the ServerHello to come (RFC 8446, section 4.1.4).
func (h *handshake) read(dir int, b []byte) {
	h.n[dir] += copy(h.head[dir][h.n[dir]:], b)
	const serverHello = 2
	s := h.head[1][:h.n[1]]
	if dir == 0 || h.suite != 0 || len(s) <= randomEnd || s[0] != serverHello {
		return
	}
	if at := randomEnd + 1 + int(s[randomEnd]); len(s) >= at+2 {
		h.suite = uint16(s[at])<<8 | uint16(s[at+1])
	}
}

// random of the ClientHello, nil if it was not seen.
func (h *handshake) random() []byte {
	if h.n[0] < randomEnd || h.head[0][0] != 1 {
		return nil
	}
	return h.head[0][randomAt:randomEnd]
}

// phases are the keys of 1-RTT packets of one direction through updates (RFC
// 9001, section 6).
type phases struct {
	current  *keys
	previous *keys // for packets overtaken by an update
	bit      bool  // key phase of current
	since    uint64
}

// ready finds the secrets, or why there are none.
func (c *Conn) ready() bool {
	random := c.tls.random()
	switch {
	case c.secrets != nil:
		return true
	case random == nil:
		c.why = whyNoInitial
		return false
	case c.tls.suite == 0:
		c.why = whyNoServerHello
		return false
	case c.tls.suite < aes128gcm || c.tls.suite > chacha:
		c.why = whySuite
		return false
	}
	c.asked++
	if c.Secrets != nil && c.asked&(c.asked-1) == 0 {
		if s, ok := c.Secrets(random); ok {
			c.secrets = &s
			return true
		}
	}
	c.why = whyNoSecret
	return false
}

func (c *Conn) handshakePacket(dir int, p []byte, h *longHeader, emit func(*Event)) {
	if !c.ready() {
		return
	}
	if c.handshake[dir] == nil {
		c.handshake[dir] = c.derive(dir, c.secrets.ClientHandshake, c.secrets.ServerHandshake)
	}
	k := c.handshake[dir]
	if k == nil {
		return
	}
	payload, ok := c.openPacket(k, &c.next[dir][1], p, h.number)
	c.opened(dir, Handshake, payload, ok, emit)
}

// derive makes keys of the secret of dir. If that one is missing, it may still
// come with the next answer.
func (c *Conn) derive(dir int, secrets ...[]byte) *keys {
	if len(secrets[dir]) == 0 {
		c.secrets, c.why = nil, whyNoSecret
		return nil
	}
	k, err := newKeys(c.version, c.tls.suite, secrets[dir])
	if err != nil {
		c.why = whyDamaged
		return nil
	}
	return k
}

func (c *Conn) opened(dir int, level Level, payload []byte, ok bool, emit func(*Event)) {
	if !ok {
		c.why = whyDamaged
		return
	}
	c.counts[dir].Opened[level]++
	c.frames(dir, level, payload, emit)
}

// short takes a 1-RTT packet, which reaches to the end of its datagram (RFC
// 9000, section 17.3).
func (c *Conn) short(dir int, p []byte, emit func(*Event)) {
	c.counts[dir].Packets[OneRTT]++
	c.release()
	length := c.cidLen[1-dir]
	if length == 0 {
		c.why = whyLate
		return
	}
	if !c.ready() {
		return
	}
	d := &c.data[dir]
	if d.current == nil {
		d.current = c.derive(dir, c.secrets.ClientTraffic, c.secrets.ServerTraffic)
	}
	if d.current == nil {
		return
	}
	payload, ok := c.openPhase(d, &c.next[dir][2], p, length)
	c.opened(dir, OneRTT, payload, ok, emit)
}

// openPhase opens a 1-RTT packet with the keys its key phase asks for.
func (c *Conn) openPhase(d *phases, next *uint64, p []byte, at int) ([]byte, bool) {
	pk, ok := c.opener.unprotect(d.current, p, at, *next)
	if !ok {
		return nil, false
	}
	k := d.current
	updated := false
	if pk.phase != d.bit {
		if updated = d.previous == nil || pk.number >= d.since; !updated {
			k = d.previous
		} else if k, ok = k.next(); !ok {
			return nil, false
		}
	}
	payload, ok := c.opener.open(k, pk)
	if !ok {
		return nil, false
	}
	*next = max(*next, pk.number+1)
	if updated {
		d.previous, d.current, d.bit, d.since = d.current, k, pk.phase, pk.number
	}
	return payload, true
}

// release lets go of the keys that are derived again should a late packet need
// them, once both sides have done with the handshake.
func (c *Conn) release() {
	if c.initial[0] == nil && c.handshake[0] == nil && c.handshake[1] == nil ||
		c.counts[0].Packets[OneRTT] == 0 || c.counts[1].Packets[OneRTT] == 0 {
		return
	}
	c.initial, c.handshake = [2]*keys{}, [2]*keys{}
	c.opener.plain, c.event = nil, Event{}
}
