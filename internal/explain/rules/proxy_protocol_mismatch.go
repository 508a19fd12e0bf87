package rules

import (
	"fmt"
	"slices"
	"strings"

	"fanlight/internal/explain"
	"fanlight/internal/flow"
)

var proxyProtocolMismatch = explain.Rule{
	ID:       "proxy-protocol-mismatch",
	Title:    "One side uses the PROXY protocol and the other does not",
	Severity: explain.Error,
	Doc: explain.Page{
		Means: "A load balancer can put a short header in front of a connection, which tells the client's address (the PROXY protocol). Both sides must be set to it. Here one sends the header and the other takes it for the beginning of TLS or of a request; or one waits for it and gets none.",
		Looks: "The first bytes from the balancer are `PROXY TCP4 ...` or, in version 2, `0D 0A 0D 0A 00 0D 0A 51 55 49 54 0A`. nginx without `proxy_protocol` answers 400 in clear text, also on a TLS port: clients then say `wrong version number`. nginx with it logs `broken header ... while reading PROXY protocol` and resets. Fanlight with it records `began without the PROXY header`. Go says `first record does not look like a TLS handshake`.",
		Why:   "It was switched on on one side only; or a health check, or a client that goes around the balancer, connects without it.",
		Fixes: []explain.Fix{
			fix(explain.Gateway, "HAProxy", "Do not send the header: take `send-proxy` or `send-proxy-v2` off the server line. For the other way round, add it, for checks as well:", "server app 192.0.2.20:443 send-proxy-v2 check check-send-proxy"),
			fix(explain.Gateway, "nginx", "In a stream server, off is the default:", "proxy_protocol off;"),
			fix(explain.Origin, "nginx", "Or expect it on that port, from the balancer only:", "listen 443 ssl proxy_protocol;", "set_real_ip_from 192.0.2.1;", "real_ip_header proxy_protocol;"),
			fix(explain.Origin, "Apache", "Or expect it (mod_remoteip), from the balancer only:", "RemoteIPProxyProtocol On", "RemoteIPProxyProtocolExceptions 127.0.0.1"),
			fix(explain.Origin, "HAProxy", "Or expect it:", "bind :443 ssl crt /etc/haproxy/site.pem accept-proxy"),
			fix(explain.Origin, "IIS", "IIS cannot read it: switch it off at the balancer."),
			fix(explain.Origin, "Fanlight", "Name who sends it, and to which address, in fanlight.yaml. These must send it on every connection, checks included; all others must not:", "proxy_protocol:", "  - {bind: [\"192.0.2.20:443\"], from: [192.0.2.1]}"),
		},
		Confirm: "`curl --haproxy-protocol https://ADDRESS/` sends the header, plain `curl` does not: one of the two works.",
		LookAlikes: []explain.Alike{
			{ID: "no-certificate-for-binding", Difference: "closed after the ClientHello, and no connection to that port has a PROXY header"},
			{ID: "tls-to-plaintext-port", Difference: "the port answers in clear text without a header in front"},
		},
		References: []string{"HAProxy: The PROXY protocol, versions 1 and 2", "nginx: listen, proxy_protocol", "kubernetes/ingress-nginx#909"},
	},
	Hides: []string{"plaintext-to-tls-port", "tls-to-plaintext-port", "no-certificate-for-binding", "origin-handshake-failed", "request-malformed", "origin-closed-without-answer",
		"keepalive-race", "client-gave-up", "stopped-site-still-handshakes", "accepted-but-silent"},
	Check: checkProxyProtocol,
}

func checkProxyProtocol(p *explain.Pass) {
	var works *flow.Conn // with the header
	for _, c := range p.Conns() {
		if find(c, 0, flow.Client, flow.ProxyHeader) >= 0 && served(c) {
			works = c
		}
	}
	for _, c := range p.Conns() {
		i := find(c, 0, flow.Client, flow.ProxyHeader)
		switch {
		case refusedForHeader(c) >= 0:
			reportRefusedForHeader(p, c, refusedForHeader(c))
		case i >= 0:
			checkHeaderNotWanted(p, c, i)
		case toldOfHeader(c) >= 0:
			reportHeader(p, c, toldOfHeader(c), explain.Proof, fmt.Sprintf("A PROXY protocol header came to %s, which speaks TLS and does not read such headers.", c.Server), "")
		case works != nil && works.Server == c.Server:
			checkHeaderMissing(p, c, works)
		}
	}
}

// served tells that the server of c went on with what it was sent.
func served(c *flow.Conn) bool {
	if c.TLS != nil {
		return c.TLS.Done == flow.Yes
	}
	return len(c.Exchanges) > 0 && c.Exchanges[0].Status > 0 && c.Exchanges[0].Status != 400
}

func checkHeaderNotWanted(p *explain.Pass, c *flow.Conn, header int) {
	version := "PROXY protocol header (" + c.Events[header].Text + ")"
	if len(c.Exchanges) > 0 && c.Exchanges[0].Status == 400 {
		x := c.Exchanges[0]
		confidence := explain.Likely // of a request behind the header
		if x.Method == "" {
			confidence = explain.Proof
		}
		f := headerFinding(c, header, confidence, fmt.Sprintf("%s put a %s in front of the connection, and %s answered it with 400.", caller(c), version, peer(c)), version)
		f.Evidence = append(f.Evidence, explain.At(c, findOf(c, x, flow.Response), "answered 400, in clear text"))
		for _, y := range c.Exchanges {
			p.Blame(&f, c, y)
		}
		p.Report(f)
		return
	}
	if end := closing(c); c.TLS != nil && c.TLS.Done == flow.No && end >= 0 && c.Close.By == flow.Server {
		reportHeader(p, c, header, explain.Likely, fmt.Sprintf("%s put a %s in front of its ClientHello, and %s ended the connection instead of answering.", caller(c), version, peer(c)), version)
	}
}

func headerFinding(c *flow.Conn, i int, confidence explain.Confidence, cause, what string) explain.Finding {
	if what == "" {
		what = c.Events[i].Text
	}
	return explain.Finding{Confidence: confidence, Cause: cause, Evidence: []explain.Evidence{explain.At(c, i, what)}}
}

func reportHeader(p *explain.Pass, c *flow.Conn, i int, confidence explain.Confidence, cause, what string) {
	f := headerFinding(c, i, confidence, cause, what)
	if end := closing(c); end >= 0 {
		f.Evidence = append(f.Evidence, explain.At(c, end, "closed by the "+c.Close.By.String()))
	}
	p.Blame(&f, c, nil)
	p.Report(f)
}

// toldOfHeader is the failure of a handshake in which a door got the header
// instead of a ClientHello, or -1.
func toldOfHeader(c *flow.Conn) int {
	i := handshakeFailed(c, flow.FaultNotTLS)
	if i >= 0 && c.Self == flow.Server && strings.Contains(c.Events[i].Text, "PROXY protocol") {
		return i
	}
	return -1
}

// refusedForHeader is where a door refused a load balancer that sent no header,
// a damaged one, or none in time, or -1.
func refusedForHeader(c *flow.Conn) int {
	if c.Self != flow.Server {
		return -1
	}
	return slices.IndexFunc(c.Events, func(e flow.Event) bool {
		return e.Kind == flow.Decision && e.Attr(flow.KeyBy) == "proxy-protocol" || e.Kind == flow.Timeout && e.Text == "proxy-header"
	})
}

func reportRefusedForHeader(p *explain.Pass, c *flow.Conn, i int) {
	e := &c.Events[i]
	what := "nothing came in time"
	if e.Kind == flow.Decision {
		what = strings.TrimPrefix(e.Text, "refuse: ")
	}
	f := headerFinding(c, i, explain.Proof, fmt.Sprintf("%s is configured as a load balancer, which must begin each connection to %s with a PROXY protocol header. It was refused: %s.", caller(c), c.Server, what), "refused")
	p.Blame(&f, c, nil)
	p.Report(f)
}

// checkHeaderMissing looks for a handshake that the server cut off without a
// word, at a port where others succeed with the header.
func checkHeaderMissing(p *explain.Pass, c, works *flow.Conn) {
	hello := find(c, 0, flow.Client, flow.ClientHello)
	if hello < 0 || c.TLS == nil || c.TLS.Done != flow.No || c.Close.By != flow.Server || find(c, 0, flow.Server, flow.ServerHello, flow.Alert) >= 0 {
		return
	}
	f := headerFinding(c, hello, explain.Likely, fmt.Sprintf("%s expects a PROXY protocol header, and %s connected without one. It was cut off without a word.", peer(c), caller(c)), "ClientHello without a header in front")
	f.Evidence = append(f.Evidence, explain.At(c, closing(c), "closed by the server"),
		explain.At(works, find(works, 0, flow.Client, flow.ProxyHeader), "connection "+works.ID.String()+" to the same port has one, and works"))
	p.Blame(&f, c, nil)
	p.Report(f)
}
