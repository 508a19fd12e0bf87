package rules

import (
	"fmt"

	"fanlight/internal/explain"
	"fanlight/internal/flow"
)

var plaintextToTLSPort = explain.Rule{
	ID:       "plaintext-to-tls-port",
	Title:    "Plain HTTP was spoken to a port that speaks TLS",
	Severity: explain.Error,
	Doc: explain.Page{
		Means: "The client sent an HTTP request without TLS to a port that expects a TLS handshake.",
		Looks: "400 in plain text: nginx `The plain HTTP request was sent to HTTPS port` (497 in its log), Apache `You're speaking plain HTTP to an SSL-enabled server port`. HAProxy and others just close. OpenSSL `http request`, Go `client sent an HTTP request to an HTTPS server`.",
		Why:   "http:// with the port of https; a gateway whose upstream is http:// on port 443; a redirect or health check that names the wrong scheme.",
		Fixes: []explain.Fix{
			fix(explain.Client, "", "Use https:// for this address.", "curl https://app.example:8443/"),
			fix(explain.Gateway, "Fanlight", "Where the door asked an origin so, speak TLS to it:", "to: https://10.0.0.5:8443"),
			fix(explain.Gateway, "nginx", "As a gateway:", "proxy_pass https://192.0.2.20:443;"),
			fix(explain.Gateway, "HAProxy", "As a gateway; health checks need it too:", "server app 192.0.2.20:443 ssl verify required ca-file /etc/haproxy/ca.pem check check-ssl"),
			fix(explain.Gateway, "Apache", "As a gateway:", "SSLProxyEngine on", "ProxyPass / https://192.0.2.20/"),
			fix(explain.Origin, "nginx", "To help lost visitors along:", "error_page 497 =301 https://$host:$server_port$request_uri;"),
		},
		Confirm: "`curl -k https://ADDRESS:PORT/` gets an answer where `http://` does not.",
		LookAlikes: []explain.Alike{
			{ID: "tls-to-plaintext-port", Difference: "the other way round"},
			{ID: "origin-closed-without-answer", Difference: "the port speaks plain HTTP, or TLS was spoken"},
		},
		References: []string{"nginx: ngx_http_ssl_module, error 497", "seen with nginx 1.22, Apache 2.4, Go (400) and HAProxy 2.6 (closes)"},
	},
	Hides: []string{"origin-closed-without-answer", "request-malformed", "keepalive-race", "host-rejected"},
	Check: checkPlainToTLS,
}

func checkPlainToTLS(p *explain.Pass) {
	for _, c := range p.Conns() {
		if c.Self == flow.Server {
			if i := handshakeFailed(c, flow.FaultNotTLS); i >= 0 {
				reportPlain(p, c, nil, explain.Proof, []explain.Evidence{explain.At(c, i, c.Events[i].Text)})
			}
			continue
		}
		if c.TLS != nil || len(c.Exchanges) == 0 {
			continue
		}
		x := c.Exchanges[0]
		tls, page := spokenTo(p, c), wantsTLS(x)
		if x.Scheme == "https" || x.Method == "CONNECT" || x.Status != 400 && !unanswered(c, x) ||
			page == "" && (c.Close.By != flow.Server || tls == nil && c.Server.Port() != 443) {
			continue
		}
		evidence := append([]explain.Evidence{explain.At(c, findOf(c, x, flow.Request), "request without TLS")}, responseEvidence(c, x)...)
		if tls != nil {
			evidence = append(evidence, explain.At(tls, find(tls, 0, flow.Unknown, flow.TLSDone), "elsewhere that port completes a TLS handshake"))
		}
		if page != "" {
			evidence = append(evidence, explain.Fact("the answer has the form and the length of the page of "+page+" that says so"))
		}
		reportPlain(p, c, x, explain.Likely, evidence)
	}
}

// spokenTo is a connection on which the same port completed a TLS handshake.
func spokenTo(p *explain.Pass, c *flow.Conn) *flow.Conn {
	for _, other := range p.Trace.Conns {
		if other.Server == c.Server && other.TLS != nil && other.TLS.Done == flow.Yes {
			return other
		}
	}
	return nil
}

func reportPlain(p *explain.Pass, c *flow.Conn, x *flow.Exchange, sure explain.Confidence, evidence []explain.Evidence) {
	reportRefusal(p, explain.Finding{
		Confidence: sure,
		Cause:      fmt.Sprintf("%s sent a request without TLS to %s, which expects TLS there.", caller(c), peer(c)),
		Evidence:   evidence,
	}, c, x)
}
