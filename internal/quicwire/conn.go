package quicwire

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"slices"
)

// Conn follows the QUIC connection of one pair of UDP addresses, one after
// another where ports are used again. It is for one goroutine. Several
// connections at a time between the same two ports are not told apart.
type Conn struct {
	// Secrets, if set, is asked for the secrets that belong to the random of a
	// ClientHello; again, ever more rarely, while it has none. It must not keep
	// the random, nor change the secrets later.
	Secrets func(clientRandom []byte) (Secrets, bool)

	state
	opener opener
	event  Event
	counts [2]Counts
}

// state is what ends with a connection.
type state struct {
	version uint32
	// dcid is what the Initial keys come from, nil before the first Initial.
	dcid      []byte
	retryCIDs [][]byte // connection IDs that a Retry asked the client to use
	cidLen    [2]int   // length of the connection IDs each side chose, plus one; 0 unknown
	tls       handshake
	secrets   *Secrets
	asked     uint64

	initial   [2]*keys
	handshake [2]*keys
	data      [2]phases
	next      [2][3]uint64 // packet numbers by space: Initial, Handshake, data
	crypto    [2][3]ordering
	why       why
}

// New is a connection of which nothing was seen yet.
func New() *Conn { return &Conn{} }

// Datagram takes the payload of the next UDP datagram, sent by the client
// (dir 0) or the server (dir 1), and tells emit what is in it. It neither keeps
// nor changes p; the Event is the Conn's, valid until emit returns. What is
// damaged or cannot be opened is counted.
func (c *Conn) Datagram(dir int, p []byte, emit func(*Event)) {
	for first := true; len(p) > 0; first = false {
		if p[0]&longForm == 0 {
			if first || p[0]&fixedBit != 0 {
				c.short(dir, p, emit)
			}
			return
		}
		h, ok := parseLong(p)
		if !ok {
			c.counts[dir].Unknown++
			return
		}
		c.long(dir, p[:h.end], &h, emit)
		p = p[h.end:]
	}
}

// Held is how many bytes wait for those before them.
func (c *Conn) Held() (n int) {
	for dir := range c.crypto {
		for i := range c.crypto[dir] {
			n += c.crypto[dir][i].held
		}
	}
	return n
}

// Counts of the packets that dir sent.
func (c *Conn) Counts(dir int) Counts {
	n := c.counts[dir]
	for i := range c.crypto[dir] {
		n.CryptoLost += c.crypto[dir][i].lost
	}
	return n
}

func (c *Conn) long(dir int, p []byte, h *longHeader, emit func(*Event)) {
	n := &c.counts[dir]
	switch {
	case h.version == 0:
		n.Negotiations++
		c.negotiation(dir, p[h.number:], emit)
		return
	case h.retry:
		n.Retries++
		c.retry(dir, p, h, emit)
		return
	}
	n.Packets[h.level]++
	switch h.level {
	case Initial:
		c.initialPacket(dir, p, h, emit)
	case Handshake:
		c.handshakePacket(dir, p, h, emit)
	case ZeroRTT:
		c.why = whyEarly
	}
	c.cidLen[dir] = len(h.scid) + 1
}

func (c *Conn) negotiation(dir int, list []byte, emit func(*Event)) {
	if dir == 0 {
		return
	}
	c.event = Event{Kind: VersionNegotiation, Dir: dir}
	for ; len(list) >= 4; list = list[4:] {
		c.event.Versions = append(c.event.Versions, binary.BigEndian.Uint32(list))
	}
	emit(&c.event)
}

// maxRetries bounds the answers to the first datagrams of a client, of which it
// heeds one.
const maxRetries = 4

// retry believes a Retry only if its tag shows that who sent it saw the
// client's Initial.
func (c *Conn) retry(dir int, p []byte, h *longHeader, emit func(*Event)) {
	if dir == 0 || c.dcid == nil || !retryIsGenuine(h.version, p, c.dcid) {
		return
	}
	if len(c.retryCIDs) < maxRetries {
		c.retryCIDs = append(c.retryCIDs, bytes.Clone(h.scid))
	}
	c.event = Event{Kind: Retry, Dir: dir, Version: h.version, ConnectionID: h.scid}
	emit(&c.event)
}

func (c *Conn) initialPacket(dir int, p []byte, h *longHeader, emit func(*Event)) {
	payload, ok := c.openInitial(dir, p, h)
	if !ok && dir == 0 {
		payload, ok = c.begin(p, h, emit)
	}
	if !ok {
		c.missInitial()
		return
	}
	c.counts[dir].Opened[Initial]++
	if h.version != c.version {
		c.version = h.version
		c.event = Event{Kind: VersionChanged, Dir: dir, Version: h.version}
		emit(&c.event)
	}
	c.frames(dir, Initial, payload, emit)
}

func (c *Conn) missInitial() {
	c.why = whyDamaged
	if c.dcid == nil {
		c.why = whyNoInitial
	}
}

func (c *Conn) openInitial(dir int, p []byte, h *longHeader) ([]byte, bool) {
	if c.dcid == nil {
		return nil, false
	}
	if c.initial[dir] == nil || c.initial[dir].version != h.version {
		pair, err := initialKeys(h.version, c.dcid)
		if err != nil {
			return nil, false
		}
		c.initial = pair
	}
	return c.openPacket(c.initial[dir], &c.next[dir][0], p, h.number)
}

// begin tries whether p is the first Initial of a client, or its first after a
// Retry.
func (c *Conn) begin(p []byte, h *longHeader, emit func(*Event)) ([]byte, bool) {
	const shortest = 8 // RFC 9000, section 7.2
	if len(h.dcid) < shortest || bytes.Equal(h.dcid, c.dcid) {
		return nil, false
	}
	again := slices.ContainsFunc(c.retryCIDs, func(id []byte) bool { return bytes.Equal(id, h.dcid) })
	var next uint64
	if again {
		next = c.next[0][0]
	}
	pair, err := initialKeys(h.version, h.dcid)
	if err != nil {
		return nil, false
	}
	payload, ok := c.openPacket(pair[0], &next, p, h.number)
	if !ok {
		return nil, false
	}
	if !again {
		c.state = state{version: h.version}
		c.event = Event{Kind: Began, Version: h.version, ConnectionID: h.dcid}
		emit(&c.event)
	}
	c.dcid, c.initial, c.next[0][0] = bytes.Clone(h.dcid), pair, next
	return payload, true
}

// openPacket opens p, whose packet number stands at offset at, and moves next
// behind it.
func (c *Conn) openPacket(k *keys, next *uint64, p []byte, at int) ([]byte, bool) {
	pk, ok := c.opener.unprotect(k, p, at, *next)
	if !ok {
		return nil, false
	}
	payload, ok := c.opener.open(k, pk)
	if ok {
		*next = max(*next, pk.number+1)
	}
	return payload, ok
}

// cryptoFrame puts handshake bytes in order and reads from them what opening needs.
func (c *Conn) cryptoFrame(dir int, level Level, at uint64, data []byte, emit func(*Event)) {
	c.crypto[dir][space(level)].add(at, data, func(b []byte) {
		if level == Initial {
			c.tls.read(dir, b)
		}
		c.event = Event{Kind: Crypto, Dir: dir, Level: level, Data: b}
		emit(&c.event)
		c.event.Kind = 0
	})
}

// space is the packet number space of a level.
func space(level Level) int {
	switch level {
	case Initial:
		return 0
	case Handshake:
		return 1
	}
	return 2
}

// why is the reason for which a packet stayed closed.
type why uint8

const (
	whyNoInitial why = iota + 1
	whyNoServerHello
	whyNoSecret
	whySuite
	whyLate
	whyEarly
	whyDamaged
)

// WhyNot says why the last packet that stayed closed did, and is empty if there
// was none.
func (c *Conn) WhyNot() string {
	switch c.why {
	case whyNoInitial:
		return "the client's first Initial packet is not in the capture"
	case whyNoServerHello:
		return "the ServerHello is not in the capture"
	case whyNoSecret:
		return "no secret for this client random"
	case whySuite:
		return fmt.Sprintf("cipher suite 0x%04x is not supported", c.tls.suite)
	case whyLate:
		return "the capture began after the handshake"
	case whyEarly:
		return "0-RTT packets are not opened"
	case whyDamaged:
		return "packets do not open with the keys: damaged, cut short, or wrong secrets"
	}
	return ""
}
