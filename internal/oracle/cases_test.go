package oracle

import (
	"net/http"
	"testing"
)

// story is what happened in a capture, as those know who took part.
type story struct {
	bench      *bench
	keyArgs    []string // of fanlight; nil: the key log of the bench
	sharkArgs  []string // of tshark; nil: the same key log
	plain      bool     // without TLS
	exchanges  []*exchange
	conns      int    // 0: as tshark says
	version    string // of every connection, if known
	cipher     string
	alpn       string
	resumed    int // connections that continue another's session
	events     []event
	by, how    string // who ended every connection, if known
	whyNot     bool   // it stays encrypted, with a reason
	unfinished bool   // the handshake failed
	noShark    bool   // tshark cannot read it, so that only those who took part say what is right
}

// anyNumber is one that nobody can know.
const anyNumber = -1

// oracleCase is a row: how a capture comes to be.
type oracleCase struct {
	name string
	make func(b *bench) story
}

func cases() []oracleCase {
	var all []oracleCase
	for _, part := range [][]oracleCase{
		nginxCases(), http2Cases(), apacheCases(), suiteCases(), rsaKeyCases(), goCases(), gnutlsCases(), abortCases(), plainCases(), browserCases(), sessionCases(), manyCases(),
	} {
		all = append(all, part...)
	}
	return all
}

func TestOracle(t *testing.T) {
	for _, c := range cases() {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := c.make(newBench(t))
			s.check(t)
		})
	}
}

func (s *story) check(t *testing.T) {
	t.Helper()
	b := s.bench
	if s.keyArgs == nil && !s.plain {
		s.keyArgs, s.sharkArgs = []string{"--keys", b.keys}, append(s.sharkArgs, "-o", "tls.keylog_file:"+b.keys)
	}
	if s.plain {
		s.sharkArgs = append(s.sharkArgs, "-d", "tcp.port=="+b.port()+",http")
	} else {
		s.sharkArgs = append(s.sharkArgs, "-d", "tcp.port=="+b.port()+",tls")
		if s.alpn != "h2" {
			s.sharkArgs = append(s.sharkArgs, "-d", "tls.port=="+b.port()+",http")
		}
	}
	want := tshark(t, b.file, s.sharkArgs...)
	s.checkShark(t, want)
	got := trace(t, b.file, s.keyArgs...)
	if s.noShark {
		for _, c := range want.conns {
			c.exchanges = nil
		}
	} else {
		compareWithTshark(t, got, want)
	}
	compareWithSent(t, "fanlight", got.all(), s.exchanges)
	s.checkConns(t, got)
}

// checkShark sees to it that the oracle itself read the capture: it would else
// agree with anything.
func (s *story) checkShark(t *testing.T, want *seen) {
	t.Helper()
	if len(want.conns) == 0 {
		t.Fatal("tshark sees no connection")
	}
	if !s.noShark {
		compareWithSent(t, "tshark", want.all(), s.exchanges)
	}
}

func (s *story) checkConns(t *testing.T, got *seen) {
	t.Helper()
	if s.conns != 0 && len(got.conns) != s.conns {
		t.Errorf("%d connections, there were %d", len(got.conns), s.conns)
	}
	resumed := 0
	for _, c := range got.conns {
		s.checkConn(t, c)
		if c.resumed != nil && *c.resumed {
			resumed++
		}
	}
	if s.resumed != anyNumber && resumed != s.resumed {
		t.Errorf("%d connections resumed a session, %d did", resumed, s.resumed)
	}
	if got.damaged != "" {
		t.Errorf("the capture is called damaged: %s", got.damaged)
	}
}

func (s *story) checkConn(t *testing.T, c *conn) {
	t.Helper()
	stated := func(what, got, want string) {
		if want != "" && got != want {
			t.Errorf("connection of %s: %s is %q, it was %q", c.client, what, got, want)
		}
	}
	stated("TLS version", c.version, s.version)
	stated("cipher", c.cipher, s.cipher)
	stated("ALPN", c.alpn, s.alpn)
	stated("close by", c.by, s.by)
	stated("close how", c.how, s.how)
	switch {
	case s.plain, s.unfinished:
	case s.whyNot:
		stated("decrypted", c.decrypted, "no")
		if c.whyNot == "" {
			t.Error("no reason is given why the connection stays encrypted")
		}
	default:
		stated("decrypted", c.decrypted, "yes")
	}
	for _, e := range s.events {
		if !c.saw(e) {
			t.Errorf("connection of %s: no event %s by %s; there are %v", c.client, e.kind, e.from, c.events)
		}
	}
}

func (c *conn) saw(e event) bool {
	for _, g := range c.events {
		if g.kind == e.kind && (e.from == "" || g.from == e.from) && (e.text == "" || g.text == e.text) {
			return true
		}
	}
	return false
}

// get is a complete GET answered with 200.
func get(target string, content []byte) *exchange {
	return answered(http.MethodGet, target, 200, nil, content)
}

// answered is a complete exchange.
func answered(method, target string, status int, sent, got []byte) *exchange {
	return &exchange{method: method, target: target, status: status, sentBody: bodyOf(sent), gotBody: bodyOf(got), outcome: "complete"}
}

// unread is a complete exchange whose response body only the server knows.
func unread(method, target string, status int) *exchange {
	return &exchange{method: method, target: target, status: status, sentBody: bodyOf(nil), outcome: "complete"}
}
