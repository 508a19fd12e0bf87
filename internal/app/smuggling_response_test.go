package app_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// What an origin sends that can be read in two ways, or behind its response,
// reaches no client, and nothing follows on that connection.
func TestSmugglingByOrigins(t *testing.T) {
	all := payloads(t, "origin-*")
	byID := map[string]*payload{}
	for _, p := range all {
		byID[p.id] = p
	}
	addr := listener(t, func(c net.Conn) { playResponses(t, c, byID) })
	o := countingOrigin{name: "scripted", url: "http://" + addr}
	s := &smuggling{t: t, d: serve(t, smugglingConfig, "$TO", o.url), origin: o, table: newTally()}
	s.run(all, s.askOrigin)
	for _, a := range s.sent {
		if strings.Contains(a.answer, "POISON") {
			t.Errorf("%s: the client got what was no answer to it:\n%s", a.p, a.answer)
		}
	}
	s.check()
	t.Log("\n" + s.table.String())
}

// askOrigin asks for a payload, and for something honest on the same connection.
func (s *smuggling) askOrigin(p *payload) (attempt, error) {
	c, err := net.Dial("tcp", "127.0.0.2:"+s.d.port)
	if err != nil {
		return attempt{}, err
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(wait))
	method := "GET"
	if p.has("HEAD") {
		method = "HEAD"
	}
	const host = " HTTP/1.1\r\nHost: app.test\r\n"
	fmt.Fprintf(c, "%s /%s%s\r\nGET /%s/last%sConnection: close\r\n\r\n", method, p.id, host, p.id, host)
	raw, err := io.ReadAll(c)
	if err != nil && !isReset(err) {
		return attempt{}, fmt.Errorf("the door does not end the connection: %w", err)
	}
	return attempt{p: p, ends: endsOf(c), answer: string(raw)}, nil
}

// playResponses answers a payload's request with its bytes, and any other one
// with its target. Behind a payload that does not say otherwise nothing may be
// asked.
func playResponses(t *testing.T, c net.Conn, byID map[string]*payload) {
	r := bufio.NewReader(c)
	var before *payload
	for {
		req, err := http.ReadRequest(r)
		if err != nil {
			return
		}
		if before != nil {
			t.Errorf("%s: on the same connection %s is asked for", before, req.RequestURI)
		}
		p := byID[strings.TrimPrefix(req.RequestURI, "/")]
		if p == nil {
			fmt.Fprintf(c, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(req.RequestURI), req.RequestURI)
			continue
		}
		var b strings.Builder
		for _, line := range p.lines {
			b.WriteString(p.literal(t, line))
		}
		_, _ = io.WriteString(c, b.String())
		if p.has("close") {
			return
		}
		if !p.has("reuse") {
			before = p
		}
	}
}
