package rules

import (
	"fmt"

	"fanlight/internal/explain"
	"fanlight/internal/flow"
)

var h2HTTP11Required = explain.Rule{
	ID:       "h2-http11-required",
	Title:    "The server wants HTTP/1.1 for this request",
	Severity: explain.Error,
	Doc: explain.Page{
		Means: "The request came over HTTP/2, and the server cannot do over HTTP/2 what this path needs. It reset the stream with HTTP_1_1_REQUIRED. A client that takes the hint sends the request again over HTTP/1.1 on a new connection; one that does not fails.",
		Looks: "RST_STREAM or GOAWAY with error 13 (0xd). Chrome shows ERR_HTTP_1_1_REQUIRED, curl ends with 92 and `HTTP_1_1_REQUIRED (err 13)`, YARP and .NET log `HTTP_1_1_REQUIRED (0xd)`. Other paths of the same site work over HTTP/2.",
		Why:   "NTLM and Negotiate sign in a connection, and a client certificate for a path needs a renegotiation: both do not go with HTTP/2. IIS resets such requests, and so does Apache where `SSLVerifyClient` stands in a Location or Directory. Browsers and curl then repeat them over HTTP/1.1; gateways often do not.",
		Fixes: []explain.Fix{
			fix(explain.Gateway, "HAProxy", "Offer the origin HTTP/1.1 only:", "server app 192.0.2.20:443 ssl verify required ca-file /etc/haproxy/ca.pem alpn http/1.1"),
			fix(explain.Gateway, "nginx, Apache mod_proxy_http", "Both speak HTTP/1.1 to origins by default; remove what changes that."),
			fix(explain.Gateway, "YARP", "In the cluster's HttpRequest:", `"Version": "1.1", "VersionPolicy": "RequestVersionExact"`),
			fix(explain.Gateway, "Fanlight", "It sends the request again over HTTP/1.1 by itself if it still has all of it, and with `http: auto` speaks HTTP/1.1 to that origin from then on. To spare the first attempt:", `http: "1.1"`),
			fix(explain.Client, "curl", "Ask in HTTP/1.1:", "curl --http1.1 ..."),
			fix(explain.Origin, "Apache", "Ask for the certificate in the first handshake, for the whole host, or do without HTTP/2 on it:", "SSLVerifyClient optional", "Protocols http/1.1"),
			fix(explain.Origin, "IIS", "Switch HTTP/2 off for all TLS sites of the machine, then restart it:", `reg add HKLM\SYSTEM\CurrentControlSet\Services\HTTP\Parameters /v EnableHttp2Tls /t REG_DWORD /d 0`),
		},
		Confirm: "`curl --http1.1` for that URL works where `curl --http2` does not.",
		LookAlikes: []explain.Alike{
			{ID: "h2-refused-or-throttled-streams", Difference: "REFUSED_STREAM: too many at a time, the same request works later"},
			{ID: "post-handshake-auth-not-offered", Difference: "the connection is HTTP/1.1 over TLS 1.3"},
			{ID: "h2-inadequate-security", Difference: "every path fails, error 12"},
		},
		References: []string{"RFC 9113 sections 7 and 9.2.1", "Microsoft Learn: HTTP/2 on IIS", "microsoft/reverse-proxy#1739", "curl/curl#3696", "seen with Apache 2.4, over TLS 1.2 and 1.3: curl 7.88 asks again, Go and h2load do not"},
	},
	Needs: needsHeaders(),
	Hides: []string{"origin-closed-without-answer", "client-gave-up", "keepalive-race"},
	Check: func(p *explain.Pass) {
		for _, c := range p.Conns() {
			if events := h2Errors(c, flow.Server, "HTTP_1_1_REQUIRED"); len(events) > 0 {
				reportHTTP11(p, c, events)
			}
		}
	},
}

func reportHTTP11(p *explain.Pass, c *flow.Conn, events []int) {
	lost := h2Lost(c, events)
	if len(lost) == 0 {
		return
	}
	f := explain.Finding{
		Confidence: explain.Proof,
		Cause:      fmt.Sprintf("%s refused %s over HTTP/2 and asked for HTTP/1.1.", peer(c), asked(lost[0])),
		Evidence: []explain.Evidence{explain.At(c, findOf(c, lost[0], flow.Request), "request over HTTP/2"),
			explain.At(c, events[0], "HTTP_1_1_REQUIRED")},
	}
	blameAll(p, &f, c, lost)
	if len(unrepeated(p, c, lost)) > 0 {
		f.Cause += " Nobody asked again that way in this record."
		p.Report(f)
		return
	}
	f.Cause += " The request was then sent again and answered; that costs a connection."
	p.ReportAs(explain.Note, f)
}
