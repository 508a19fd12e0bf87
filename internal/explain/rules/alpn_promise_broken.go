package rules

import (
	"fmt"

	"fanlight/internal/explain"
	"fanlight/internal/flow"
)

var alpnPromiseBroken = explain.Rule{
	ID:       "alpn-promise-broken",
	Title:    "HTTP/2 was agreed on, and the server speaks something else",
	Severity: explain.Error,
	Doc: explain.Page{
		Means: "In the handshake the server chose HTTP/2 (ALPN h2). What it sent then is not HTTP/2. Whoever ended TLS promised a protocol that the program behind does not speak.",
		Looks: "The client asks over HTTP/2 and gets bytes that begin `HTTP/1.1 400`, or an empty end. curl 16 or 52 (`Empty reply from server`), Chrome ERR_HTTP2_PROTOCOL_ERROR, Go `http2: frame too large` or `malformed HTTP response`, HAProxy 502.",
		Why:   "TLS is ended by a proxy in TCP mode that advertises h2 while its server speaks HTTP/1.1; h2 was added to a list of protocols without the server's support.",
		Fixes: []explain.Fix{
			fix(explain.Gateway, "HAProxy", "Either end HTTP as well, or advertise only what the server speaks:", "mode http", "bind 192.0.2.10:443 ssl crt /etc/haproxy/site.pem alpn http/1.1"),
			fix(explain.Gateway, "nginx", "In a `stream` block advertise only what the server speaks:", "ssl_alpn http/1.1;"),
			fix(explain.Gateway, "Envoy", "In the listener's TLS context:", "alpn_protocols: [http/1.1]"),
			fix(explain.Origin, "", "Or let the server speak HTTP/2 without TLS on that port."),
			fix(explain.Client, "curl", "To get through for now:", "curl --http1.1 https://app.example/"),
		},
		Confirm: "`curl -v --http1.1 URL` works and `curl -v --http2 URL` does not.",
		LookAlikes: []explain.Alike{
			{ID: "alpn-no-overlap", Difference: "the handshake itself was refused"},
			{ID: "tls-to-plaintext-port", Difference: "what is not TLS came before any handshake"},
		},
		References: []string{"RFC 7301 section 3.2", "RFC 9113 section 3.4 (connection preface)", "traefik#7776, haproxy#3386", "seen with HAProxy 2.6 in TCP mode before nginx, Apache and Python's http.server"},
	},
	Needs: []explain.Need{{
		What: "a capture with keys: what is spoken inside TLS cannot be read",
		Met:  func(c *flow.Conn) bool { return c.Keys != flow.No || requestOn(c) },
	}},
	Hides: []string{"origin-closed-without-answer", "keepalive-race", "body-truncated", "client-gave-up"},
	Check: checkALPNPromise,
}

func checkALPNPromise(p *explain.Pass) {
	for _, c := range p.Conns() {
		if c.TLS == nil || c.TLS.ALPN != "h2" || find(c, 0, flow.Server, flow.Gap) >= 0 {
			continue
		}
		i := findText(c, flow.Server, flow.Irregular, "h2-preface-missing")
		if i < 0 || find(c, 0, flow.Server, flow.Response, flow.GoAway, flow.StreamReset) >= 0 || c.TLS.Done != flow.Yes { // Go sends GOAWAY in front of SETTINGS
			continue
		}
		var x *flow.Exchange
		if len(c.Exchanges) > 0 {
			x = c.Exchanges[0]
		}
		report(p, explain.Finding{
			Confidence: explain.Proof,
			Cause:      fmt.Sprintf("%s agreed to speak HTTP/2 and then sent something else.", peer(c)),
			Evidence: []explain.Evidence{
				explain.At(c, find(c, 0, flow.Unknown, flow.TLSDone), "HTTP/2 agreed on"),
				explain.At(c, i, "the server's first bytes are not HTTP/2"),
			},
		}, c, x)
	}
}
