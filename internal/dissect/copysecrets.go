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
// not found there (a renegotiation, QUIC, one behind the header of a load
// balancer) may be any whose random is not found elsewhere: such secrets stay
// where a chosen connection has one. So do those of RSA lines, which name no
// handshake but an encrypted premaster secret.
func (c *Copy) OwnSecrets(src Source) error {
	if c.Conns == nil || len(c.Secrets) == 0 {
		return nil
	}
	found, err := c.randoms(src)
	if err != nil {
		return err
	}
	hidden := found.quic || slices.ContainsFunc(c.Conns, func(conn *flow.Conn) bool {
		key, _ := keyOf(conn.Client, conn.Server)
		return renegotiates(conn) || conn.Scheme == "https" && conn.Keys == flow.Yes && !found.conns[key]
	})
	for i, log := range c.Secrets {
		var kept []byte
		for line := range bytes.Lines(log) {
			random := randomOf(line)
			if found.own[random] || hidden && !found.others[random] || bytes.HasPrefix(line, []byte("RSA ")) {
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

// clientRandoms are those that are in clear in a capture, in hex, as far as the
// secrets have them: a capture may have any number.
type clientRandoms struct {
	own, others map[string]bool  // of the chosen connections, and not
	conns       map[flowKey]bool // the chosen ones that have one
	quic        bool             // a chosen one may be QUIC
}

func (c *Copy) randoms(src Source) (*clientRandoms, error) {
	listed := map[string]bool{}
	for _, log := range c.Secrets {
		for line := range bytes.Lines(log) {
			listed[randomOf(line)] = true
		}
	}
	found := &clientRandoms{own: map[string]bool{}, others: map[string]bool{}, conns: map[flowKey]bool{}}
	wanted := c.periods()
	var dec packet.Decoder
	var info packet.Info
	var b pcap.Batch
	for {
		if err := src.NextBatch(&b); errors.Is(err, io.EOF) {
			return found, nil
		} else if err != nil {
			return nil, err
		}
		for i := range b.Packets {
			p := &b.Packets[i]
			if !dec.Decode(uint16(p.Link), p.Data, p.Length, p.Time, &info) {
				continue
			}
			mine := chosen(wanted, &info, p.Time)
			found.quic = found.quic || mine && info.Proto == packet.UDP
			if random, is := clientRandom(info.Payload); is && mine {
				key, _ := keyOf(info.Src, info.Dst)
				found.own[random], found.conns[key] = true, true
			} else if is && listed[random] {
				found.others[random] = true
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
