package foreignlog

import (
	"strings"
	"time"
)

// nginxError reads nginx's error log. Its times have no zone: they are the
// server's local time.
type nginxError struct{ zone *time.Location }

func (p nginxError) parse(l *Line) bool {
	s := scan{rest: l.Text}
	at, err := time.ParseInLocation("2006/01/02 15:04:05", s.word()+" "+s.word(), p.zone)
	level := s.bracketed()
	s.upTo(": ")
	if err != nil || s.failed {
		return false
	}
	l.Time, l.Tick, l.AtEnd = at.UTC(), time.Second, true
	text := s.rest
	if strings.HasPrefix(text, "*") { // the number of the connection
		_, text, _ = strings.Cut(text, " ")
	}
	text, context := splitContext(text)
	l.say("level", level)
	l.say("text", text)
	nginxContext(l, context)
	l.Meaning = nginxErrorMeaning(level, text)
	return true
}

// splitContext parts the message from what nginx adds: ", client: ..., server:
// ..., request: "...", upstream: "...", host: "..."". A long request is cut off
// by nginx, quote and all.
func splitContext(text string) (message, context string) {
	if i := strings.Index(text, ", client: "); i >= 0 {
		return text[:i], text[i:]
	}
	return text, ""
}

func nginxContext(l *Line, context string) {
	field := func(name string) string {
		_, rest, found := strings.Cut(context, ", "+name+": ")
		if !found {
			return ""
		}
		if strings.HasPrefix(rest, `"`) {
			s := scan{rest: rest}
			return s.quoted()
		}
		value, _, _ := strings.Cut(rest, ", ")
		return value
	}
	l.Client = address(field("client"))
	l.Server = address(field("server"))
	if request := field("request"); request != "" {
		l.request(request)
	}
	l.Host = field("host")
	upstream := field("upstream")
	l.say("upstream", upstream)
	_, rest, _ := strings.Cut(upstream, "://")
	rest, _, _ = strings.Cut(rest, "/")
	l.Upstream = address(rest)
}

func nginxErrorMeaning(level, text string) Meaning {
	if e := findText(nginxErrors, text); e != nil {
		return e.meaning(kindOf("nginx", e.words))
	}
	kind := "nginx " + level
	switch level {
	case "error", "crit", "alert", "emerg":
		return Meaning{State: Fault, Kind: kind, Text: "nginx reports an error: " + text, Next: "Look at the same second in the access log."}
	}
	return Meaning{Kind: kind}
}

// What nginx 1.22 writes. Most of the faults were made for it (see
// testdata/make.sh); of the others the texts are in the program, and when it
// writes them is its documentation's word.
var nginxErrors = []entry{
	{"upstream timed out|while connecting to upstream", Fault, "The origin's address did not answer the attempt to connect.", "Try to connect from this machine; look for a firewall on the way.", likely("syn-unanswered")},
	{"upstream timed out|while SSL handshaking to upstream", Fault, "The origin took the connection and was silent in the TLS handshake.", "Does this port speak TLS at all? Or is a large ClientHello lost on the way?",
		possible("tls-to-plaintext-port", "large-clienthello-dropped", "accepted-but-silent")},
	{"upstream timed out|while reading response header from upstream", Fault, "The origin took the request and did not answer in proxy_read_timeout (60 s unless changed).",
		"Look why the origin is slow. If it asked for a new handshake, only a capture shows it.", append(likely("gateway-timeout"), possible("renegotiation-unanswered")...)},
	{"upstream timed out|while reading upstream", Fault, "The origin stopped in the middle of its answer for longer than proxy_read_timeout.", "Look at the origin; the client got only a part.", likely("body-truncated")},
	{"upstream timed out|while sending request to upstream", Fault, "The origin stopped reading the request.", "Look at the origin, and at the size of the request.", possible("receiver-stalls", "renegotiation-body-deadlock")},
	{"upstream timed out", Fault, "The origin did not go on in the time limit.", "Look at the origin at this second.", likely("gateway-timeout")},
	{"connect() failed (111", Fault, "Nothing listens on the origin's address and port.", "Start the origin, or correct proxy_pass.", proof("port-closed")},
	{"connect() failed (113", Fault, "There is no way to the origin's address (no route to host).", "Look at the network between the two.", proof("address-unreachable")},
	{"connect() failed (101", Fault, "There is no way to the origin's address (network unreachable).", "Look at this machine's routes.", proof("address-unreachable")},
	{"connect() failed (110", Fault, "The origin's address did not answer the attempt to connect.", "Look for a firewall on the way.", likely("syn-unanswered")},
	{"connect() failed (99", Fault, "This machine has no free source port for another connection to the origin.", "Keep connections open (keepalive in upstream), and look at ip_local_port_range.", likely("source-ports-exhausted")},
	{"upstream prematurely closed connection while reading response header", Fault, "The origin closed without an answer.",
		"Look at the origin at this second. On a reused idle connection it is a race: let nginx drop idle connections sooner than the origin (keepalive_timeout in `upstream`).", append(likely("origin-closed-without-answer"), possible("keepalive-race")...)},
	{"upstream prematurely closed connection while reading upstream", Fault, "The origin closed before its answer was whole.", "Look at the origin at this second.", proof("body-truncated")},
	{"upstream prematurely closed connection", Fault, "The origin closed too early.", "Look at the origin at this second.", likely("origin-closed-without-answer")},
	{"failed (104|while reading response header from upstream", Fault, "The origin reset the connection instead of answering.",
		"Look at the origin at this second. On a reused idle connection it is a race: let nginx drop idle connections sooner than the origin (keepalive_timeout in `upstream`).", append(likely("origin-closed-without-answer"), possible("keepalive-race")...)},
	{"failed (104|while reading upstream", Fault, "The origin reset the connection in the middle of its answer.", "Look at the origin at this second.", proof("body-truncated")},
	{"failed (104|while SSL handshaking to upstream", Fault, "The origin reset the connection in the TLS handshake.", "Does it want SNI (proxy_ssl_server_name on) or another TLS version?", append(likely("origin-handshake-failed"), possible("sni-missing-to-origin")...)},
	{"failed (104|while sending request to upstream", Fault, "The origin reset the connection while the request was sent.", "Look at the origin's limit for bodies.", possible("early-response-lost", "keepalive-race")},
	{"upstream sent too big header", Fault, "The origin's header is larger than nginx takes.", "Raise proxy_buffer_size, or look which field is so large.", proof("response-header-too-large")},
	{"upstream sent invalid header", Fault, "The origin's header is not well formed.", "Look at the response in a capture.", likely("response-framing-conflict")},
	{"upstream sent duplicate header line", Fault, "The origin's header has a field twice that must be there once.", "Look at the response in a capture.", likely("response-framing-conflict")},
	{"upstream sent no valid HTTP", Fault, "What the origin sent is no HTTP.", "Does this port speak TLS, or another protocol? Then use https in proxy_pass.", possible("plaintext-to-tls-port", "proxy-protocol-mismatch")},
	{"upstream SSL certificate verify error", Fault, "The origin's certificate was not accepted; the number says why (18 self-signed, 10 expired, 20 unknown issuer).",
		"Look at proxy_ssl_trusted_certificate and at the origin's certificate.", append(proof("origin-handshake-failed"), possible("private-ca-not-trusted-here", "certificate-date-invalid")...)},
	{"upstream SSL certificate does not match", Fault, "The origin's certificate is for another name.", "Set proxy_ssl_name to the name in the certificate.", proof("certificate-name-mismatch")},
	{"SSL_do_handshake() failed|alert number 112|to upstream", Fault, "The origin knows no site of the name that was asked for (unrecognized_name).", "Set proxy_ssl_server_name on, and proxy_ssl_name.", likely("sni-missing-to-origin")},
	{"SSL_do_handshake() failed|alert number 40|to upstream", Fault, "The origin refused the handshake. Without SNI many do.", "Set proxy_ssl_server_name on; else look at versions and suites.", possible("sni-missing-to-origin", "cipher-or-group-mismatch")},
	{"SSL_do_handshake() failed|wrong version number|to upstream", Fault, "The origin's port does not speak TLS.", "Use http in proxy_pass, or the origin's TLS port.", likely("tls-to-plaintext-port")},
	{"SSL_do_handshake() failed|to upstream", Fault, "The TLS handshake with the origin failed; the text says how.", "Look at the alert in the text, and at the origin's log.", proof("origin-handshake-failed")},
	{"no live upstreams", Fault, "nginx takes every origin of this group for dead, because each failed a moment ago.", "The lines before this one say how they failed.", proof("no-usable-origin")},
	{"upstream server temporarily disabled", Fault, "An origin failed often enough to be left out for a while (max_fails, fail_timeout).", "The line before this one says how it failed.", possible("no-usable-origin")},
	{"could not be resolved", Fault, "The origin's name has no address, or the name server did not answer.", "Ask the name server that `resolver` names.", likely("name-does-not-resolve")},
	{"host not found in upstream", Fault, "The origin's name has no address.", "Look at the name; nginx without `resolver` asks only when it starts.", proof("name-does-not-resolve")},
	{"client prematurely closed connection", Fault, "The client left before it had the answer.", "Compare how long it waited with the time limit of the client or of the proxy in front.", proof("client-gave-up")},
	{"client sent no required SSL certificate", Fault, "The client sent no certificate, and this site needs one.", "Look whether the client has one, and from which issuer.", proof("client-certificate-not-sent")},
	{"client SSL certificate verify error", Fault, "The client's certificate was not accepted; the text says why.", "Look at ssl_client_certificate, and at the dates.", proof("client-certificate-rejected")},
	{"client sent plain HTTP request to HTTPS port", Fault, "Plain HTTP was sent to a TLS port.", "Let the client or the proxy in front use https for this port.", proof("plaintext-to-tls-port")},
	{"client intended to send too large body", Fault, "The request's body is larger than client_max_body_size (1 MB unless changed).", "Raise it for this path if such bodies are meant.", nil},
	{"client sent too long header line", Fault, "A header field of the request is larger than nginx takes.", "Look at the size of Cookie; large_client_header_buffers sets the limit.", proof("request-header-too-large")},
	{"client sent too large request", Fault, "The request's header is larger than nginx takes.", "Look at the size of Cookie; large_client_header_buffers sets the limit.", proof("request-header-too-large")},
	{"client sent too long URI", Fault, "The request's target is longer than nginx takes.", "large_client_header_buffers sets the limit.", proof("request-header-too-large")},
	{`client sent duplicate header line: "Content-Length`, Fault, "The request has two lengths, and could be read in two ways.", "Look which client or proxy sends such requests.", proof("request-framing-ambiguous")},
	{`client sent "Content-Length" and "Transfer-Encoding"`, Fault, "The request has a length and chunks, and could be read in two ways.", "Look which client or proxy sends such requests.", proof("request-framing-ambiguous")},
	{"client sent HTTP/1.1 request without \"Host\"", Fault, "The request has no Host.", "Look which client sends such requests.", proof("request-malformed")},
	{"client sent invalid", Fault, "The request is not well formed. TLS bytes on a plain port look the same.", "Look at the first bytes of the connection in a capture.", possible("request-malformed", "tls-to-plaintext-port")},
	{"client sent duplicate header line", Fault, "The request has a field twice that must be there once.", "Look which client sends such requests.", likely("request-malformed")},
	{"client timed out|while waiting for request", Normal, "A connection was opened and no request came on it.", "Normal: browsers and health checks do that.", nil},
	{"client timed out|while SSL handshaking", Fault, "The client was silent in the TLS handshake.", "Are its packets lost on the way? Look at a capture.", possible("large-clienthello-dropped", "mtu-black-hole")},
	{"client timed out|while sending to client", Fault, "The client stopped reading the answer.", "Look whether the client or the network stalls.", likely("receiver-stalls")},
	{"client timed out", Fault, "The client did not send its request in time.", "Look at the network, or at who sends so slowly.", likely("slow-sender-cut")},
	{"client closed connection while waiting for request", Normal, "A connection was opened and closed without a request.", "Normal: health checks and browsers do that.", nil},
	{"client closed connection while SSL handshaking", Fault, "The client closed in the TLS handshake without an alert.", "A health check that only opens the port looks the same. Else look at a capture.", possible("certificate-name-mismatch", "private-ca-not-trusted-here")},
	{"SSL_do_handshake() failed|alert number 48", Fault, "The client does not trust the certificate's issuer (unknown_ca).", "Does the server send its whole chain? Else give the client the issuer.", likely("private-ca-not-trusted-here")},
	{"SSL_do_handshake() failed|alert number 46", Fault, "The client does not accept the certificate (certificate_unknown).", "Look at its name, issuer and dates from that client.", possible("private-ca-not-trusted-here", "certificate-name-mismatch", "certificate-date-invalid")},
	{"SSL_do_handshake() failed|alert number 42", Fault, "The client does not accept the certificate (bad_certificate).", "Look at its name, issuer and dates from that client.", possible("private-ca-not-trusted-here", "certificate-name-mismatch", "certificate-date-invalid")},
	{"SSL_do_handshake() failed|alert number 45", Fault, "The client takes the certificate for expired (certificate_expired).", "Renew it, or look at the client's clock.", proof("certificate-date-invalid")},
	{"SSL_do_handshake() failed|alert number 70", Fault, "The client does not know the TLS version that was chosen (protocol_version).", "Look at ssl_protocols.", proof("version-mismatch")},
	{"SSL_do_handshake() failed|unsupported protocol", Fault, "The client offers only TLS versions that are turned off here.", "Look at ssl_protocols, or renew the client.", proof("version-mismatch")},
	{"SSL_do_handshake() failed|no suitable signature algorithm", Fault, "The client offers no signature algorithm this server allows; clients with TLS 1.0 and 1.1 alone do that.", "Look which TLS versions the client offers.", possible("version-mismatch", "cipher-or-group-mismatch")},
	{"SSL_do_handshake() failed|no shared cipher", Fault, "The two have no cipher suite in common.", "Look at ssl_ciphers, and at the kind of the server's key.", proof("cipher-or-group-mismatch")},
	{"SSL_do_handshake() failed|wrong version number", Fault, "What the client sent is no TLS.", "Does it send plain HTTP, or a PROXY header, to this port?", possible("plaintext-to-tls-port", "proxy-protocol-mismatch")},
	{"SSL_do_handshake() failed|http request", Fault, "Plain HTTP was sent to a TLS port.", "Let the client use https for this port.", proof("plaintext-to-tls-port")},
	{"SSL_do_handshake() failed", Fault, "The TLS handshake with the client failed; the text says how.", "Look at the alert in the text.", nil},
	{"handshake rejected while SSL handshaking", Fault, "The name the client asked for belongs to no site here, and the default refuses it (ssl_reject_handshake).", "Add a server with that server_name, or look why the client asks for it.", proof("sni-unknown-alert")},
	{"peer closed connection in SSL handshake|to upstream", Fault, "The origin closed in the TLS handshake.", "Does it want SNI (proxy_ssl_server_name on)?", append(likely("origin-handshake-failed"), possible("sni-missing-to-origin")...)},
	{"peer closed connection in SSL handshake", Fault, "The client closed in the TLS handshake without an alert.", "A health check that only opens the port looks the same.", possible("private-ca-not-trusted-here")},
	{"worker_connections are not enough", Fault, "nginx has no room for another connection.", "Raise worker_connections.", likely("accepted-but-silent")},
	{"bind() to|(98", Fault, "Another program already has this address and port.", "Run: fanlight ports", proof("address-in-use")},
	{"bind() to|(13", Fault, "nginx lacks the right to open this port.", "Start it as root, or give it CAP_NET_BIND_SERVICE.", proof("port-not-permitted")},
	{"bind() to|(99", Fault, "This machine does not have that address.", "Look at `listen` and at the machine's addresses.", proof("loopback-alias-missing")},
	{"broken header: |PROXY", Fault, "A PROXY header was expected and did not come.", "Let both sides agree: send-proxy there, proxy_protocol here.", proof("proxy-protocol-mismatch")},
	{"closed keepalive connection", Fine, "", "", nil},
}
