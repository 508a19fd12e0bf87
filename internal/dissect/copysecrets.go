package dissect

import (
	"bytes"
	"encoding/hex"
	"errors"
	"io"
	"slices"
	"strings"

	"fanlight/internal/flow"
	"fanlight/internal/packet"
	"fanlight/internal/pcap"
)

// OwnSecrets leaves of the secrets those that open the chosen connections, for
// which it reads src, the captures once more. A handshake whose client random is
// not in clear there (a renegotiation, QUIC) may be any whose random is not in
// clear elsewhere: such secrets stay where a chosen connection has one. So do those of
// RSA lines, which name no handshake but an encrypted premaster secret.
func (c *Copy) OwnSecrets(src Source) error {
	if c.Conns == nil || len(c.Secrets) == 0 {
		return nil
	}
	own, others, quic, err := c.randoms(src)
	if err != nil {
		return err
	}
	hidden := quic || slices.ContainsFunc(c.Conns, renegotiates)
	for i, log := range c.Secrets {
		var kept []byte
		for line := range bytes.Lines(log) {
			random := randomOf(line)
			if own[random] || hidden && !others[random] || bytes.HasPrefix(line, []byte("RSA ")) {
				kept = append(kept, line...)
			}
		}
		c.Secrets[i] = kept
	}
	c.Secrets = slices.DeleteFunc(c.Secrets, func(log []byte) bool { return len(log) == 0 })
	return nil
}

// randomOf is the second word of a line of a key log, in lower case.
func randomOf(line []byte) string {
	words := bytes.Fields(line)
	if len(words) != 3 {
		return ""
	}
	return strings.ToLower(string(words[1]))
}

func renegotiates(c *flow.Conn) bool {
	return slices.ContainsFunc(c.Events, func(e flow.Event) bool {
		return e.Kind == flow.Renegotiating || e.Kind == flow.Renegotiated || e.Kind == flow.HelloRequest
	})
}

// randoms gives the client randoms that are in clear, in hex: of the chosen
// connections, and of the others; and whether a chosen one may be QUIC.
func (c *Copy) randoms(src Source) (own, others map[string]bool, quic bool, err error) {
	own, others = map[string]bool{}, map[string]bool{}
	wanted := c.periods()
	var dec packet.Decoder
	var info packet.Info
	var b pcap.Batch
	for {
		if err := src.NextBatch(&b); errors.Is(err, io.EOF) {
			return own, others, quic, nil
		} else if err != nil {
			return nil, nil, false, err
		}
		for i := range b.Packets {
			p := &b.Packets[i]
			if !dec.Decode(uint16(p.Link), p.Data, p.Length, p.Time, &info) {
				continue
			}
			mine := chosen(wanted, &info, p.Time)
			quic = quic || mine && info.Proto == packet.UDP
			if random, is := clientRandom(info.Payload); is && mine {
				own[random] = true
			} else if is {
				others[random] = true
			}
		}
	}
}

// clientRandom reads the beginning of a ClientHello, which is in one piece.
func clientRandom(p []byte) (hexRandom string, is bool) {
	const at, end = 11, 43 // record and handshake headers, version
	if len(p) < end || p[0] != 22 || p[1] != 3 || p[5] != 1 {
		return "", false
	}
	return hex.EncodeToString(p[at:end]), true
}
