package rules

import (
	"fmt"
	"strconv"
	"strings"

	"fanlight/internal/explain"
	"fanlight/internal/flow"
)

var sniMissingToOrigin = explain.Rule{
	ID:       "sni-missing-to-origin",
	Title:    "The server was spoken to without a server name",
	Severity: explain.Error,
	Doc: explain.Page{
		Means: "The ClientHello named no host (no SNI), so the server could not know which of its sites was meant. It took its default one, or refused.",
		Looks: "No server name in the ClientHello, and then one of these: alert unrecognized_name (112), a close without a word, the certificate of another site, or 421 Misdirected Request. nginx as a gateway logs `SSL_do_handshake() failed ... alert number 112` and answers 502. Apache since 2.4.64 answers 421 and logs AH02032; with `SSLStrictSNIVHostCheck on` it answers 403.",
		Why:   "nginx as a gateway sends no server name unless told to (`proxy_ssl_server_name` is off by default), and HAProxy none without `sni`. A client that connects by address has none to send. Health checks often connect by address.",
		Fixes: []explain.Fix{
			fix(explain.Gateway, "nginx", "Send the name the client asked for:", "proxy_ssl_server_name on;", "proxy_ssl_name $host;", "proxy_ssl_session_reuse off;"),
			fix(explain.Gateway, "HAProxy", "Send a name, also in health checks:", "server app 192.0.2.20:443 ssl verify required ca-file /etc/haproxy/ca.pem sni req.hdr(host) check-sni app.example"),
			fix(explain.Gateway, "Fanlight", "Set the name the origin expects; without it an origin given by address is asked for the host of the request, and for none if that is an address too:", "tls: {name: app.internal}"),
			fix(explain.Gateway, "Apache", "As a gateway it sends the host of the `ProxyPass` address; with the client's Host instead:", "ProxyPreserveHost On"),
			fix(explain.Origin, "IIS and HTTP.sys", "Give the address a certificate of its own, for clients without a name:", "netsh http show sslcert", "netsh http add sslcert ipport=192.0.2.10:443 certhash=THUMBPRINT appid={GUID}"),
			fix(explain.Client, "", "Connect by name. With curl, to a certain address:", "curl --resolve app.example:443:192.0.2.10 https://app.example/"),
		},
		Confirm: "`openssl s_client -connect ADDRESS:443 -noservername` fails or shows another certificate, `-servername NAME` works.",
		LookAlikes: []explain.Alike{
			{ID: "sni-unknown-alert", Difference: "a name was sent, and the server does not have it"},
			{ID: "no-certificate-for-binding", Difference: "the server closes in the same way when a name is sent"},
			{ID: "sni-host-mismatch", Difference: "a name was sent, and the request asks for another one"},
			{ID: "default-certificate-served", Difference: "a name was sent, and the server does not have it"},
		},
		References: []string{"RFC 6066 section 3 (server name indication)", "RFC 9110 section 15.5.20 (421)", "nginx: ngx_http_proxy_module, proxy_ssl_server_name", "hestiacp#5058, caddy#7134 (421 since Apache 2.4.64)", "seen with nginx 1.22 and HAProxy 2.6 as gateways (alert 112), Apache 2.4.71 (421 and 403)"},
	},
	Hides: []string{"sni-unknown-alert", "no-certificate-for-binding", "certificate-name-mismatch", "cipher-or-group-mismatch",
		"private-ca-not-trusted-here", "origin-handshake-failed", "default-certificate-served"},
	Check: checkSNIMissing,
}

func checkSNIMissing(p *explain.Pass) {
	for _, c := range p.Conns() {
		if h := hello(c); h < 0 || c.TLS.SNI != "" {
			continue
		}
		if c.TLS.Done == flow.Yes {
			reportNamelessRequest(p, c)
		} else {
			reportNamelessHandshake(p, c)
		}
	}
}

// reportNamelessRequest explains a refusal of a request for a name on a
// connection that was made for none: 421, or 403 where the same was answered
// otherwise when the handshake named it (SSLStrictSNIVHostCheck of Apache).
func reportNamelessRequest(p *explain.Pass, c *flow.Conn) {
	for _, x := range c.Exchanges {
		if x.Status != 421 && x.Status != 403 || !isName(hostOf(x.Host)) {
			continue
		}
		f := explain.Finding{
			Confidence: explain.Likely,
			Cause: fmt.Sprintf("%s sent %s no server name in the TLS handshake and then asked for %s; the server refused with %d.",
				caller(c), peer(c), hostOf(x.Host), x.Status),
			Evidence: append([]explain.Evidence{explain.At(c, hello(c), "ClientHello without a server name")}, responseEvidence(c, x)...),
		}
		if x.Status == 403 {
			with, served := servedByName(p, c, x)
			if with == nil {
				continue
			}
			f.Evidence = append(f.Evidence, explain.At(with, findOf(with, served, flow.Response), "on a connection for "+with.TLS.SNI+" the same request is answered "+strconv.Itoa(served.Status)))
		}
		reportRefusal(p, f, c, x)
	}
}

// servedByName is an exchange like x that the same server did not refuse on a
// connection whose handshake named its host; nil if the trace has none.
func servedByName(p *explain.Pass, c *flow.Conn, x *flow.Exchange) (*flow.Conn, *flow.Exchange) {
	for _, other := range p.Trace.Conns {
		if other.Server != c.Server || other.TLS == nil || !strings.EqualFold(other.TLS.SNI, hostOf(x.Host)) {
			continue
		}
		for _, y := range other.Exchanges {
			if y.Method == x.Method && y.Target == x.Target && y.Status > 0 && y.Status < 400 {
				return other, y
			}
		}
	}
	return nil, nil
}

func reportNamelessHandshake(p *explain.Pass, c *flow.Conn) {
	i, confidence, what := namelessRefusal(p, c)
	if i < 0 {
		return
	}
	f := explain.Finding{
		Confidence: confidence,
		Cause:      fmt.Sprintf("%s sent %s no server name in the TLS handshake, and %s.", caller(c), peer(c), what),
		Evidence:   []explain.Evidence{explain.At(c, hello(c), "ClientHello without a server name"), explain.At(c, i, "handshake ended")},
	}
	if w := namedInstead(p, c); w != nil {
		f.Evidence = append(f.Evidence, explain.At(w, hello(w), "with the name "+w.TLS.SNI+" the same server completes the handshake"))
	}
	if c.Self != flow.Server {
		report(p, f, c, nil)
		return
	}
	p.Blame(&f, c, nil) // the door's refusal is what its configuration asks for
	p.ReportAs(explain.Note, f)
}

// namelessRefusal is the event by which a handshake without a name ended for
// want of one, or -1.
func namelessRefusal(p *explain.Pass, c *flow.Conn) (event int, confidence explain.Confidence, what string) {
	if i := handshakeFailed(c, flow.FaultRefused); i >= 0 && c.Self == flow.Server {
		return i, explain.Proof, "no site there takes connections without one"
	}
	if i := alerted(c, flow.Server, "unrecognized_name"); i >= 0 && c.Self != flow.Server {
		return i, explain.Proof, "the server refused: it does not know which site is meant"
	}
	with := namedInstead(p, c)
	if with == nil || c.Self == flow.Server {
		return -1, 0, ""
	}
	if i := alerted(c, flow.Server, "handshake_failure", "internal_error", "access_denied"); i >= 0 && !greeted(c) {
		return i, explain.Likely, "the server refused the handshake"
	}
	if c.Close.By == flow.Server && !spokeTLS(c) {
		return closing(c), explain.Likely, "the server closed without a word"
	}
	rejectedFor := max(handshakeFailed(c, flow.FaultWrongName), alerted(c, flow.Client, "bad_certificate", "certificate_unknown", "unknown_ca"))
	if rejectedFor >= 0 && otherCertificate(c, with) {
		return rejectedFor, explain.Likely, "was shown the certificate of another site, which it did not accept"
	}
	return -1, 0, ""
}

// namedInstead is a connection to the same server that named a host and got
// through, nil if the trace has none.
func namedInstead(p *explain.Pass, c *flow.Conn) *flow.Conn {
	for _, other := range p.Trace.Conns {
		if other != c && other.Server == c.Server && other.TLS != nil && other.TLS.SNI != "" && other.TLS.Done == flow.Yes {
			return other
		}
	}
	return nil
}

// otherCertificate tells that the server showed different certificates.
func otherCertificate(a, b *flow.Conn) bool {
	x, y := fact(a, flow.Server, flow.Certificate, flow.KeySHA256), fact(b, flow.Server, flow.Certificate, flow.KeySHA256)
	return x != "" && y != "" && x != y
}
