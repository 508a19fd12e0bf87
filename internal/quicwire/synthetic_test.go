package quicwire

import (
	"bytes"
	"encoding/binary"
	"slices"
	"testing"
)

// sealed protects a packet: header without packet number, of which four bytes
// are sent.
func sealed(t testing.TB, k *keys, header []byte, number uint32, payload []byte) []byte {
	t.Helper()
	h := slices.Clone(header)
	h[0] |= 3
	at := len(h)
	h = binary.BigEndian.AppendUint32(h, number)
	nonce := k.iv
	for i := range 4 {
		nonce[8+i] ^= h[at+i]
	}
	p := k.aead.Seal(h, nonce[:], payload, slices.Clone(h))
	var mask [sampleLength]byte
	k.mask(&mask, p[at+4:])
	if p[0]&longForm != 0 {
		p[0] ^= mask[0] & 0x0f
	} else {
		p[0] ^= mask[0] & 0x1f
	}
	for i := range 4 {
		p[at+i] ^= mask[1+i]
	}
	return p
}

// party sends packets of a made-up connection.
type party struct {
	t       *testing.T
	c       *Conn
	got     *recorder
	initial map[uint32][2]*keys
	number  [2]uint32
}

const clientCID, serverCID = "clientID", "server"

func newParty(t *testing.T) *party {
	p := &party{t: t, c: New(), got: &recorder{}, initial: map[uint32][2]*keys{}}
	for _, version := range []uint32{Version1, Version2} {
		pair, err := initialKeys(version, []byte("original"))
		if err != nil {
			t.Fatal(err)
		}
		p.initial[version] = pair
	}
	return p
}

func (p *party) long(dir int, version uint32, level Level, k *keys, payload []byte) []byte {
	p.t.Helper()
	bits := map[Level]byte{Initial: 0, ZeroRTT: 1, Handshake: 2}[level]
	if version == Version2 {
		bits++
	}
	dcid, scid := "original", clientCID
	if dir == 1 {
		dcid, scid = clientCID, serverCID
	}
	h := append([]byte{longForm | fixedBit | bits<<4}, binary.BigEndian.AppendUint32(nil, version)...)
	h = append(append(h, byte(len(dcid))), dcid...)
	h = append(append(h, byte(len(scid))), scid...)
	if level == Initial {
		h = append(h, 0)
	}
	h = binary.BigEndian.AppendUint16(h, 0x4000|uint16(len(payload)+4+16))
	p.number[dir]++
	return sealed(p.t, k, h, p.number[dir], payload)
}

func (p *party) initialPacket(dir int, version uint32, frames ...[]byte) []byte {
	p.t.Helper()
	return p.long(dir, version, Initial, p.initial[version][dir], slices.Concat(frames...))
}

func (p *party) short(dir int, k *keys, phase byte, number uint32, frames ...[]byte) []byte {
	p.t.Helper()
	dcid := serverCID
	if dir == 1 {
		dcid = clientCID
	}
	return sealed(p.t, k, append([]byte{fixedBit | phase<<2}, dcid...), number, slices.Concat(frames...))
}

func (p *party) send(dir int, packets ...[]byte) {
	p.c.Datagram(dir, slices.Concat(packets...), p.got.emit)
}

func cryptoFrame(at uint16, data []byte) []byte {
	b := binary.BigEndian.AppendUint16([]byte{frameCrypto}, 0x4000|at)
	return append(binary.BigEndian.AppendUint16(b, 0x4000|uint16(len(data))), data...)
}

func streamFrame(id byte, data string) []byte {
	return append([]byte{frameStream | 2, id, byte(len(data))}, data...)
}

// hello is a ClientHello or ServerHello as far as it matters here.
func hello(kind byte, suite uint16) []byte {
	b := append([]byte{kind, 0, 0, 37, 3, 3}, bytes.Repeat([]byte{kind}, 32)...)
	return append(b, 0, byte(suite>>8), byte(suite))
}

func TestSuitesVersionsAndKeyUpdates(t *testing.T) {
	for suite, length := range map[uint16]int{aes128gcm: 32, aes256gcm: 48, chacha: 32} {
		for _, version := range []uint32{Version1, Version2} {
			p := newParty(t)
			var s Secrets
			var keysOf [4]*keys
			for i, to := range []*[]byte{&s.ClientHandshake, &s.ServerHandshake, &s.ClientTraffic, &s.ServerTraffic} {
				*to = bytes.Repeat([]byte{byte(i)}, length)
				k, err := newKeys(version, suite, *to)
				if err != nil {
					t.Fatal(err)
				}
				keysOf[i] = k
			}
			updated, _ := keysOf[2].next()
			p.c.Secrets = func(random []byte) (Secrets, bool) { return s, random[0] == 1 }
			// A client begins with version 1 and the server goes on in its own (RFC 9368).
			p.send(0, p.initialPacket(0, Version1, cryptoFrame(0, hello(1, 0))))
			p.send(1, p.initialPacket(1, version, cryptoFrame(0, hello(2, suite))),
				p.long(1, version, Handshake, keysOf[1], cryptoFrame(0, []byte("certificate"))),
				p.short(1, keysOf[3], 0, 0, streamFrame(3, "early")))
			p.send(0, p.long(0, version, Handshake, keysOf[0], cryptoFrame(0, []byte("finished"))),
				p.short(0, keysOf[2], 0, 0, streamFrame(0, "a")))
			late := p.short(0, keysOf[2], 0, 1, streamFrame(4, "b"))
			p.send(0, p.short(0, updated, 1, 2, streamFrame(8, "c")))
			p.send(0, late)
			p.send(0, p.short(0, updated, 1, 3, streamFrame(12, "d"), []byte{frameClose, 0x41, 0x28, 6, 2, 'n', 'o'}))

			if why := p.c.WhyNot(); why != "" {
				t.Fatalf("%#x in version %#x: %s; %v", suite, version, why, p.got.kinds())
			}
			data, _ := p.got.streams(0)
			if string(data[0])+string(data[4])+string(data[8])+string(data[12]) != "abcd" {
				t.Errorf("streams %q", data[0])
			}
			if string(p.got.tls[1][Handshake]) != "certificate" || string(p.got.tls[0][Handshake]) != "finished" {
				t.Errorf("handshakes %q", p.got.tls)
			}
			last := p.got.events[len(p.got.events)-1]
			if last.Kind != Close || last.App || last.Frame != 6 || last.Reason != "no" || ErrorName(last.Code) != "CRYPTO_ERROR 40" {
				t.Errorf("close %+v", last)
			}
			if changed := slices.Contains(p.got.kinds(), VersionChanged); changed != (version == Version2) {
				t.Errorf("events %v", p.got.kinds())
			}
		}
	}
}

func TestCryptoIsPutInOrder(t *testing.T) {
	message := make([]byte, 3000)
	for i := range message {
		message[i] = byte(i * 7 >> 3)
	}
	message[0] = 9
	part := func(from, to int) []byte { return cryptoFrame(uint16(from), message[from:to]) }
	p := newParty(t)
	p.send(0, p.initialPacket(0, Version1, part(1000, 1200), part(2900, 3000), []byte{0, 0, framePing, 0}))
	p.send(0, p.initialPacket(0, Version1, part(1100, 2000), part(1000, 1400)))
	p.send(0, p.initialPacket(0, Version1, []byte{frameAck, 0, 0, 0, 0}, part(0, 900), part(800, 950)))
	if got := p.got.tls[0][Initial]; !bytes.Equal(got, message[:950]) {
		t.Errorf("%d bytes in order, want 950", len(got))
	}
	p.send(0, p.initialPacket(0, Version1, part(900, 1001), part(1990, 2950)))
	if got := p.got.tls[0][Initial]; !bytes.Equal(got, message) {
		t.Errorf("%d bytes in order, want all", len(got))
	}
	if o := p.c.crypto[0][0]; o.held != 0 || o.ahead != nil || o.lost != 0 {
		t.Errorf("left over: %+v", o)
	}
}

func TestOrderingIsBounded(t *testing.T) {
	for name, size := range map[string]int{"bytes": 1000, "spans": 1} {
		t.Run(name, func(t *testing.T) {
			var o ordering
			const sent = 5000
			for i := range uint64(sent) {
				o.add(10+i*2000, make([]byte, size), func([]byte) { t.Fatal("nothing is in order") })
			}
			if o.held > maxAhead || len(o.ahead) > maxSpans || o.held+int(o.lost) != sent*size || o.lost == 0 {
				t.Errorf("%d bytes in %d spans, %d lost", o.held, len(o.ahead), o.lost)
			}
		})
	}
}

func TestUnopenedPacketsAreCounted(t *testing.T) {
	p := newParty(t)
	negotiation := append([]byte{longForm | 5, 0, 0, 0, 0, 8}, clientCID+"\x08original"...)
	negotiation = append(negotiation, 0x6b, 0x33, 0x43, 0xcf, 0xff, 0, 0, 0x1d, 0)
	p.send(0, p.initialPacket(0, Version1, cryptoFrame(0, hello(1, 0))), p.long(0, Version1, ZeroRTT, p.initial[Version1][0], make([]byte, 40)))
	p.send(1, negotiation)
	p.send(0, negotiation)
	p.send(1, p.initialPacket(1, Version1, cryptoFrame(0, hello(2, 0x1304))))
	p.send(1, []byte{longForm | fixedBit, 9, 9, 9, 9, 0, 0, 0})
	p.send(1, []byte("@not at all QUIC but a short header for all one knows"))
	if n := p.c.Counts(0); n.Packets != [4]uint64{1, 1, 0, 0} || n.Opened != [4]uint64{1, 0, 0, 0} || n.Negotiations != 1 {
		t.Errorf("client %+v", n)
	}
	if n := p.c.Counts(1); n.Packets != [4]uint64{1, 0, 0, 1} || n.Opened != [4]uint64{1, 0, 0, 0} || n.Unknown != 1 || n.Negotiations != 1 {
		t.Errorf("server %+v", n)
	}
	if p.c.WhyNot() != "cipher suite 0x1304 is not supported" {
		t.Error(p.c.WhyNot())
	}
	i := slices.IndexFunc(p.got.events, func(e Event) bool { return e.Kind == VersionNegotiation })
	if i < 0 || !slices.Equal(p.got.events[i].Versions, []uint32{Version2, 0xff00001d}) || p.got.events[i].Dir != 1 {
		t.Errorf("events %+v", p.got.events)
	}
}

func TestFramesOfStreams(t *testing.T) {
	p := newParty(t)
	payload := slices.Concat(
		[]byte{frameNewConnectionID, 1, 0, 4, 1, 2, 3, 4}, make([]byte, 16),
		[]byte{frameNewToken, 2, 1, 1, frameMaxData, 1, frameMaxStreamData, 1, 1, 0x12, 1, 0x13, 1, 0x14, 1, frameStreamBlocked, 1, 1, 0x16, 1, 0x17, 1, frameRetireID, 0},
		[]byte{framePathChallenge}, make([]byte, 8), []byte{framePathResponse}, make([]byte, 8),
		[]byte{frameHandshakeDone, frameDatagramLength, 1, 1, frameAckECN, 9, 0, 1, 1, 1, 1, 1, 1, 1},
		[]byte{frameReset, 4, 0x41, 0x0c, 0}, []byte{frameStopSending, 8, 0x41, 0x02},
		[]byte{frameStream | 1 | 4, 12, 7}, []byte("to the end"))
	p.c.frames(1, OneRTT, payload, p.got.emit)
	if !slices.Equal(p.got.kinds(), []Kind{Reset, StopSending, Stream}) {
		t.Fatalf("events %+v", p.got.events)
	}
	reset, stop, data := p.got.events[0], p.got.events[1], p.got.events[2]
	if reset.Stream != 4 || HTTP3ErrorName(reset.Code) != "H3_REQUEST_CANCELLED" || !reset.App {
		t.Errorf("%+v", reset)
	}
	if stop.Stream != 8 || HTTP3ErrorName(stop.Code) != "H3_INTERNAL_ERROR" {
		t.Errorf("%+v", stop)
	}
	if data.Stream != 12 || data.Offset != 7 || !data.Fin || string(data.Data) != "to the end" || data.Dir != 1 {
		t.Errorf("%+v", data)
	}
	for n := range len(payload) {
		p.c.frames(1, OneRTT, payload[:n], p.got.emit)
	}
	before := len(p.got.events)
	p.c.frames(0, Initial, payload[len(payload)-13:], p.got.emit)
	p.c.frames(0, OneRTT, []byte{0x3f, 1, 2, 3}, p.got.emit)
	if len(p.got.events) != before {
		t.Errorf("events of frames that cannot be there: %+v", p.got.events[before:])
	}
}

func TestErrorNames(t *testing.T) {
	for code, want := range map[uint64]string{
		0: "NO_ERROR", 0xa: "PROTOCOL_VIOLATION", 0x10: "NO_VIABLE_PATH", 0x11: "VERSION_NEGOTIATION_ERROR", 0x12: "0x12",
		0x100: "CRYPTO_ERROR 0", 0x178: "CRYPTO_ERROR 120", 0x1ff: "CRYPTO_ERROR 255", 0x200: "0x200",
	} {
		if got := ErrorName(code); got != want {
			t.Errorf("%#x: %s, want %s", code, got, want)
		}
	}
	for code, want := range map[uint64]string{0x100: "H3_NO_ERROR", 0x110: "H3_VERSION_FALLBACK", 0x202: "QPACK_DECODER_STREAM_ERROR", 7: "0x7"} {
		if got := HTTP3ErrorName(code); got != want {
			t.Errorf("%#x: %s, want %s", code, got, want)
		}
	}
	if alert, ok := Alert(0x12a); alert != 42 || !ok {
		t.Errorf("alert %d, %v", alert, ok)
	}
	if _, ok := Alert(0x2a); ok {
		t.Error("no alert of TLS")
	}
}

func TestLooksLikeQUIC(t *testing.T) {
	client := vector(t, "rfc9001-client")
	version9 := bytes.Clone(client)
	version9[4] = 9
	loose := bytes.Clone(client)
	loose[0] &^= fixedBit
	for name, test := range map[string]struct {
		p    []byte
		want bool
	}{
		"version 1": {client, true}, "version 2": {vector(t, "rfc9369-client"), true},
		"Retry": {vector(t, "rfc9001-retry"), true}, "small Initial": {vector(t, "rfc9001-server"), false},
		"cut": {client[:1199], false}, "unknown version": {version9, false}, "no fixed bit": {loose, false},
		"empty": {nil, false}, "DNS": {[]byte("\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00"), false},
	} {
		if LooksLikeQUIC(test.p) != test.want {
			t.Errorf("%s: %v", name, !test.want)
		}
	}
}
