package oracle

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// compareWithTshark holds what Fanlight says against what tshark says, in all
// that tshark says.
func compareWithTshark(t testing.TB, got, want *seen) {
	t.Helper()
	byClient := map[string]*conn{}
	for _, c := range got.conns {
		byClient[c.client] = c
	}
	if len(got.conns) != len(want.conns) {
		t.Errorf("%d connections, tshark sees %d", len(got.conns), len(want.conns))
	}
	for _, w := range want.conns {
		c := byClient[w.client]
		if c == nil {
			t.Errorf("connection of %s is missing", w.client)
			continue
		}
		for _, d := range connDifferences(c, w) {
			t.Errorf("connection of %s: %s", w.client, d)
		}
	}
}

func connDifferences(got, want *conn) (out []string) {
	differ := func(what string, g, w any) {
		if g != w {
			out = append(out, fmt.Sprintf("%s is %v, tshark says %v", what, g, w))
		}
	}
	differ("close by", got.by, want.by)
	differ("close how", got.how, want.how)
	if want.version != "" {
		differ("TLS version", got.version, want.version)
		differ("cipher", got.cipher, want.cipher)
		differ("SNI", got.sni, want.sni)
		done := got.saw(event{kind: "tls-done"}) // of a handshake cut short less may be said
		if want.alpn != "" && (done || got.alpn != "") {
			differ("ALPN", got.alpn, want.alpn)
		}
		if done || got.resumed != nil {
			differ("resumed", show(got.resumed), show(want.resumed))
		}
	}
	return append(out, exchangesDiffer(got.exchanges, want.exchanges)...)
}

func show(b *bool) string {
	if b == nil {
		return "unknown"
	}
	return fmt.Sprint(*b)
}

func exchangesDiffer(got, want []*exchange) (out []string) {
	if len(got) != len(want) {
		return []string{fmt.Sprintf("%d exchanges, tshark sees %d: %s; %s", len(got), len(want), titles(got), titles(want))}
	}
	for i, w := range want {
		for _, d := range exchangeDifferences(got[i], w) {
			out = append(out, fmt.Sprintf("%s %s: %s", w.method, w.target, d))
		}
	}
	return out
}

func titles(all []*exchange) string {
	var out []string
	for _, x := range all {
		out = append(out, fmt.Sprintf("%s %s -> %d", x.method, x.target, x.status))
	}
	return "[" + strings.Join(out, ", ") + "]"
}

func exchangeDifferences(got, want *exchange) (out []string) {
	differ := func(what string, g, w any) {
		if fmt.Sprint(g) != fmt.Sprint(w) {
			out = append(out, fmt.Sprintf("%s is %q, tshark says %q", what, g, w))
		}
	}
	differ("HTTP version", got.http, want.http)
	differ("stream", got.stream, want.stream)
	differ("method", got.method, want.method)
	differ("target", got.target, want.target)
	differ("host", got.host, want.host)
	differ("request header", got.sent, want.sent)
	if !got.sentBody.agrees(want.sentBody) {
		out = append(out, fmt.Sprintf("request body is %+v, tshark says %+v", got.sentBody, want.sentBody))
	}
	if want.status == 0 { // it shows no response that is cut off
		return out
	}
	differ("status", got.status, want.status)
	differ("response header", got.got, want.got)
	if !got.gotBody.agrees(want.gotBody) {
		out = append(out, fmt.Sprintf("response body is %+v, tshark says %+v", got.gotBody, want.gotBody))
	}
	return out
}

// compareWithSent holds the exchanges that a reader of the capture tells of
// against those that took place. tshark need not tell all of them: it shows no
// response that is cut off, and no outcome.
func compareWithSent(t testing.TB, reader string, got []*exchange, want []*exchange) {
	t.Helper()
	lenient := reader == "tshark"
	want = slices.Clone(want)
	sortExchanges(want)
	if len(got) != len(want) {
		t.Errorf("%s: %d exchanges, %d took place: %s; %s", reader, len(got), len(want), titles(got), titles(want))
		return
	}
	for i, w := range want {
		g := got[i]
		status := g.status == w.status || lenient && g.status == 0 && w.outcome != "complete"
		if g.method != w.method || g.target != w.target || !status {
			t.Errorf("%s: exchange is %s, it was %s", reader, titles(got[i:i+1]), titles(want[i:i+1]))
			continue
		}
		at := reader + ": " + w.method + " " + w.target
		if fault := w.sentBody.fault(g.sentBody, lenient); fault != "" {
			t.Errorf("%s: request body %s", at, fault)
		}
		if fault := w.gotBody.fault(g.gotBody, lenient); fault != "" {
			t.Errorf("%s: response body %s", at, fault)
		}
		if !lenient && w.outcome != "" && g.outcome != w.outcome {
			t.Errorf("%s: outcome is %q, it was %q", at, g.outcome, w.outcome)
		}
	}
}

// fault says what is wrong with what is said of a body.
func (b body) fault(said body, lenient bool) string {
	switch {
	case !b.agrees(said):
		return fmt.Sprintf("is %+v, it was %+v", said, b)
	case b.known && !said.known && !lenient:
		return fmt.Sprintf("is not known, it was %+v", b)
	}
	return ""
}
