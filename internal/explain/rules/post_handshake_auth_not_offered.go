package rules

import (
	"fmt"
	"time"

	"fanlight/internal/explain"
	"fanlight/internal/flow"
)

var postHandshakeAuthNotOffered = explain.Rule{
	ID:       "post-handshake-auth-not-offered",
	Title:    "The server wants a client certificate after a TLS 1.3 handshake, which the client never offered",
	Severity: explain.Error,
	Doc: explain.Page{
		Means: "TLS 1.3 has no renegotiation. A server may ask for a certificate later only if the client said in its ClientHello that it can (post_handshake_auth); hardly any does, and HTTP/2 forbids it. A server that asks by path can then only refuse.",
		Looks: "TLS 1.3, a ClientHello without extension 49, and only on certain paths: 403 at once (Apache), a reset right after the request (IIS on Windows Server 2022), or 500 with 0x80070032 (IIS on Windows Server 2025). The same request over TLS 1.2 works or shows a HelloRequest.",
		Why:   "The certificate is asked for by path (`SslNegotiateCert`, SSLVerifyClient in a Location). Browsers, Go and most libraries do not offer post_handshake_auth.",
		Fixes: append([]explain.Fix{
			fix(explain.Gateway, "Fanlight", "Speak TLS 1.2 with that origin, where the question can be answered:", "tls: {max: \"1.2\", renegotiation: once, client_certificate: {pfx: client.pfx, password_file: client.pw}}"),
			fix(explain.Origin, "", "Put the paths that need a certificate on a name of their own, and ask in its handshake."),
			fix(explain.Origin, "IIS and HTTP.sys", "Or switch TLS 1.3 off for that binding:", "netsh http update sslcert ipport=192.0.2.10:443 certhash=THUMBPRINT appid={GUID} disabletls13=enable"),
			fix(explain.Origin, "Apache", "Or switch TLS 1.3 off for that host:", "SSLProtocol -all +TLSv1.2"),
			fix(explain.Gateway, "nginx", "As a gateway, speak TLS 1.2 with that origin:", "proxy_ssl_protocols TLSv1.2;"),
			fix(explain.Gateway, "HAProxy", "As a gateway, speak TLS 1.2 with that origin:", "server app 192.0.2.20:443 ssl verify required ca-file /etc/haproxy/ca.pem ssl-max-ver TLSv1.2"),
		}, askEarlier()...),
		Confirm: "The same request with `curl --tls-max 1.2 --cert client.pem --key client.key` works.",
		LookAlikes: []explain.Alike{
			{ID: "renegotiation-refused", Difference: "TLS 1.2 or older"},
			{ID: "client-certificate-not-sent", Difference: "the client offered it, was asked, and sent an empty certificate"},
			{ID: "a real 403", Difference: "the same over TLS 1.2, without a HelloRequest"},
			{ID: "origin-closed-without-answer", Difference: "other paths fail as well, or over TLS 1.2 too"},
		},
		References: []string{"RFC 8446 section 4.6.2", "RFC 8740 (HTTP/2)", "techcommunity.microsoft.com, IIS Support Blog 4449362", "golang/go#40521"},
	},
	Needs: []explain.Need{{
		What: "a capture with keys: requests and their paths cannot be read",
		Met:  func(c *flow.Conn) bool { return c.Keys != flow.No || len(c.Exchanges) > 0 },
		Wanted: func(c *flow.Conn) bool {
			return tls13WithoutPHA(c) && c.Close.By == flow.Server && c.Close.How == flow.ByRST
		},
	}},
	Hides:   []string{"origin-closed-without-answer", "keepalive-race", "client-gave-up"},
	Silence: true,
	Check:   checkPostHandshakeAuth,
}

func tls13WithoutPHA(c *flow.Conn) bool {
	return c.TLS != nil && c.TLS.Done == flow.Yes && c.TLS.Version == "1.3" && c.TLS.PHA == flow.No
}

func checkPostHandshakeAuth(p *explain.Pass) {
	for _, c := range p.Conns() {
		if !tls13WithoutPHA(c) || c.Self == flow.Server {
			continue
		}
		done := find(c, 0, flow.Unknown, flow.TLSDone)
		if i := find(c, done, flow.Server, flow.CertificateRequest); i >= 0 {
			reportPHA(p, c, waitingAt(c, i), explain.Proof, explain.At(c, i, "certificate asked for after the handshake"))
			continue
		}
		for _, x := range c.Exchanges {
			checkLateCertificate(p, c, x)
		}
	}
}

// checkLateCertificate judges the outcomes by which servers refuse when they
// cannot ask. Each alone is ambiguous, so another request must speak for it.
func checkLateCertificate(p *explain.Pass, c *flow.Conn, x *flow.Exchange) {
	if i := closing(c); i >= 0 && unanswered(c, x) && c.Close.By == flow.Server && c.Close.How == flow.ByRST {
		d, known := between(c, findOf(c, x, flow.Request), i)
		if known && d < 2*time.Second && othersAnswered(p, c, x) {
			reportPHA(p, c, x, explain.Likely, explain.At(c, i, "reset right after the request"))
		}
		return
	}
	if x.Status != 403 && x.Status != 500 {
		return
	}
	if asker := askedOverTLS12(p, c, x); asker != nil {
		i := find(asker, 0, flow.Unknown, flow.HelloRequest)
		reportPHA(p, c, x, explain.Likely, append(responseEvidence(c, x),
			explain.At(asker, i, "over TLS "+asker.TLS.Version+" the server asks for a second handshake here"))...)
	}
}

// othersAnswered tells that other targets of the same server are answered.
func othersAnswered(p *explain.Pass, c *flow.Conn, x *flow.Exchange) bool {
	for _, other := range p.Trace.Conns {
		for _, y := range other.Exchanges {
			if other.Server == c.Server && y.Target != x.Target && y.Status != 0 {
				return true
			}
		}
	}
	return false
}

// askedOverTLS12 is a connection to the same server with an older TLS on which
// the same target made the server ask for a second handshake.
func askedOverTLS12(p *explain.Pass, c *flow.Conn, x *flow.Exchange) *flow.Conn {
	for _, other := range p.Trace.Conns {
		if other == c || other.Server != c.Server || other.TLS == nil || other.TLS.Version == "1.3" {
			continue
		}
		for _, r := range renegotiations(other) {
			if r.x != nil && r.x.Target == x.Target {
				return other
			}
		}
	}
	return nil
}

func reportPHA(p *explain.Pass, c *flow.Conn, x *flow.Exchange, confidence explain.Confidence, evidence ...explain.Evidence) {
	hello := find(c, 0, flow.Client, flow.ClientHello)
	if hello >= 0 {
		evidence = append([]explain.Evidence{explain.At(c, hello, "ClientHello without post_handshake_auth")}, evidence...)
	}
	f := explain.Finding{
		Confidence: confidence,
		Cause: fmt.Sprintf("%s seems to want a client certificate for %s. Over TLS 1.3 it could only ask if %s had offered post_handshake_auth, which it did not.",
			peer(c), asked(x), caller(c)),
		Evidence: evidence,
	}
	if confidence < explain.Proof {
		f.Missing = []string{"the same request over TLS 1.2 with a client certificate"}
	}
	report(p, f, c, x)
}
