package rules

import (
	"fmt"

	"fanlight/internal/explain"
	"fanlight/internal/flow"
)

var closeWithoutNotify = explain.Rule{
	ID:       "close-without-notify",
	Title:    "The response ends with the connection, and TLS was not ended properly",
	Severity: explain.Error,
	Doc: explain.Page{
		Means: "The response has no length: it ends where the connection ends. The server closed without TLS's word of farewell (close_notify), so nobody can tell whether the body is whole or was cut, by a crash or by somebody on the way.",
		Looks: "A response without Content-Length and without chunked, then FIN or RST without an alert before it. OpenSSL 3 `unexpected eof while reading`, Python `EOF occurred in violation of protocol`; others, curl 7.88 among them, take what came as complete.",
		Why:   "A server program that closes the socket without shutting TLS down; one that was killed; a device on the way that ended the connection.",
		Fixes: []explain.Fix{
			fix(explain.Origin, "", "Send Content-Length, or use chunked transfer coding: then the end is known without close_notify."),
			fix(explain.Origin, "", "In a program of your own end TLS before the socket: SSL_shutdown in C, `unwrap()` in Python, `Close()` of the TLS connection in Go."),
			fix(explain.Gateway, "Fanlight", "It passes such a body on without an end, so that the client notices. There is nothing to change."),
			fix(explain.Client, "OpenSSL 3", "To accept such servers in a program of your own, at your own risk, set the option:", "SSL_OP_IGNORE_UNEXPECTED_EOF"),
		},
		Confirm: "`openssl s_client -quiet -connect ADDRESS:443 -servername NAME`, type a request with `Connection: close`: OpenSSL 3 ends with `unexpected eof while reading`.",
		LookAlikes: []explain.Alike{
			{ID: "body-truncated", Difference: "the length was announced, and less came"},
			{ID: "a close after a complete response", Difference: "harmless: the length says that all is there"},
		},
		References: []string{"RFC 8446 section 6.1 (close_notify)", "RFC 9112 section 9.8 (TLS connection closure)", "openssl#11735, #22526", "seen with Python's ssl module, and with a worker of nginx that was killed; curl 7.88 took both answers for complete"},
	},
	Needs: []explain.Need{{
		What: "a capture with keys: the response cannot be read",
		Met:  func(c *flow.Conn) bool { return c.Keys != flow.No || requestOn(c) },
	}},
	Hides:   []string{"body-truncated", "client-gave-up"},
	Silence: true,
	Check:   checkCloseNotify,
}

func checkCloseNotify(p *explain.Pass) {
	for _, c := range p.Conns() {
		if c.TLS == nil || c.TLS.Done != flow.Yes || c.Close.By != flow.Server || find(c, 0, flow.Server, flow.Alert, flow.Gap) >= 0 {
			continue
		}
		for _, x := range c.Exchanges {
			if x.Outcome != flow.Truncated || x.Status == 0 || x.HTTP == "2" || header(x.ResponseHeader, "Content-Length") != "" ||
				header(x.ResponseHeader, "Transfer-Encoding") != "" {
				continue
			}
			reportRefusal(p, explain.Finding{
				Confidence: explain.Proof,
				Cause: fmt.Sprintf("%s ended its answer to %s by closing the connection, without a length and without close_notify: whether it is whole cannot be known.",
					peer(c), asked(x)),
				Evidence: append(responseEvidence(c, x), explain.At(c, closing(c), "closed by the server ("+c.Close.How.String()+"), no close_notify before it")),
			}, c, x)
		}
	}
}
