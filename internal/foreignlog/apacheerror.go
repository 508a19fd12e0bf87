package foreignlog

import (
	"strings"
	"time"
)

// apacheError reads the error log of Apache httpd 2.4. Its times have no zone:
// they are the server's local time.
type apacheError struct{ zone *time.Location }

func (p apacheError) parse(l *Line) bool {
	s := scan{rest: l.Text}
	stamp, module := s.bracketed(), s.bracketed()
	at, tick, known := apacheTime(stamp, p.zone)
	name, level, found := strings.Cut(module, ":")
	if s.failed || !known || !found {
		return false
	}
	l.Time, l.Tick, l.AtEnd = at.UTC(), tick, true
	if strings.HasPrefix(s.rest, " [pid ") {
		s.bracketed()
	}
	text := strings.TrimSpace(s.rest)
	l.say("module", name)
	l.say("level", level)
	apacheContext(l, text)
	l.say("text", text)
	l.Meaning = apacheMeaning(level, text)
	return true
}

func apacheTime(stamp string, zone *time.Location) (time.Time, time.Duration, bool) {
	if at, err := time.ParseInLocation("Mon Jan _2 15:04:05.000000 2006", stamp, zone); err == nil {
		return at, time.Microsecond, true
	}
	at, err := time.ParseInLocation("Mon Jan _2 15:04:05 2006", stamp, zone)
	return at, time.Second, err == nil
}

func apacheContext(l *Line, text string) {
	if _, rest, found := strings.Cut(text, "[client "); found {
		client, _, _ := strings.Cut(rest, "] ")
		l.Client = address(client)
	}
	if _, rest, found := strings.Cut(text, "[remote "); found {
		remote, _, _ := strings.Cut(rest, "] ")
		l.Upstream = address(remote)
	}
	for _, before := range []string{"attempt to connect to ", "from remote server ", "request body failed to "} {
		if _, rest, found := strings.Cut(text, before); found {
			at, _, _ := strings.Cut(rest, " ")
			l.Upstream = address(at)
		}
	}
	if i := strings.Index(text, "AH"); i >= 0 && len(text) >= i+7 && isDigits(text[i+2:i+7]) {
		l.say("code", text[i:i+7])
	}
	if _, target, found := strings.Cut(text, " returned by "); found {
		l.Target, _, _ = strings.Cut(target, " ")
		l.Target, _, _ = strings.Cut(l.Target, ",")
	}
}

func isDigits(s string) bool { return strings.Trim(s, "0123456789") == "" }

func apacheMeaning(level, text string) Meaning {
	if e := findText(apacheErrors, text); e != nil {
		return e.meaning(kindOf("Apache", e.words))
	}
	kind := "Apache " + level
	switch level {
	case "error", "crit", "alert", "emerg":
		return Meaning{State: Fault, Kind: kind, Text: "Apache reports an error: " + text, Next: "Look at the same second in the access log."}
	}
	return Meaning{Kind: kind}
}

// What Apache httpd 2.4.71 writes. Most of the faults were made for it (see
// testdata/make.sh); of the others the texts are in the program, and when it
// writes them is its documentation's word. One fault often has several lines:
// those that only repeat it are Fine.
var apacheErrors = []entry{
	{"AH01102|(70007)", Fault, "The origin took the request and did not answer in ProxyTimeout (60 s unless changed).", "Look why the origin is slow. If it asked for a new handshake, only a capture shows it.",
		append(likely("gateway-timeout"), possible("renegotiation-unanswered")...)},
	{"AH01102|(104)", Fault, "The origin reset the connection instead of answering.", "Look at the origin at this second. On a reused idle connection it is a race: set ttl in ProxyPass below the origin's limit.",
		append(likely("origin-closed-without-answer"), possible("keepalive-race")...)},
	{"AH01102", Fault, "The origin closed without an answer, or what it sent is no HTTP.", "Look at the origin at this second. On a reused idle connection it is a race: set ttl in ProxyPass below the origin's limit.",
		append(likely("origin-closed-without-answer"), possible("keepalive-race")...)},
	{"AH01110|(70007)", Fault, "The origin stopped in the middle of its answer for longer than ProxyTimeout.", "Look at the origin; the client got only a part.", likely("body-truncated")},
	{"AH01110", Fault, "The origin ended before its answer was whole.", "Look at the origin at this second.", proof("body-truncated")},
	{"AH10124", Fault, "The origin's header is larger than Apache takes.", "Raise ResponseFieldSize, or look which field is so large.", proof("response-header-too-large")},
	{"AH01106", Fault, "The origin's header is not well formed.", "Look at the response in a capture.", likely("response-framing-conflict")},
	{"AH00957|(111)", Fault, "Nothing listens on the origin's address and port.", "Start the origin, or correct ProxyPass.", proof("port-closed")},
	{"AH00957|(110)", Fault, "The origin's address did not answer the attempt to connect.", "Look for a firewall on the way.", likely("syn-unanswered")},
	{"AH00957|(70007)", Fault, "The origin's address did not answer the attempt to connect.", "Look for a firewall on the way.", likely("syn-unanswered")},
	{"AH00957|(113)", Fault, "There is no way to the origin's address (no route to host).", "Look at the network between the two.", proof("address-unreachable")},
	{"AH00957", Fault, "The origin could not be connected to.", "Look at the error number in the text.", possible("syn-unanswered", "port-closed")},
	{"AH00959", Fault, "Apache leaves this origin out for a while, because it could not be connected to.", "The line before says how it failed; `retry` in ProxyPass says for how long.", possible("no-usable-origin")},
	{"AH00940", Fault, "Apache takes the origin for dead, because it failed a moment ago.", "Look for the line that says how it failed.", likely("no-usable-origin")},
	{"AH01114", Fine, "", "", nil},
	{"AH00898|DNS lookup failure", Fault, "The origin's name has no address.", "Look at the name in ProxyPass.", proof("name-does-not-resolve")},
	{"AH00898|Error reading from remote server", Fine, "", "", nil},
	{"AH00898|SSL Handshake", Fault, "The TLS handshake with the origin failed.", "With LogLevel ssl:info the lines before say how. Look at the origin's name, issuer and dates.", proof("origin-handshake-failed")},
	{"AH02411", Fault, "The origin's certificate is for another name.", "Use the name in the certificate in ProxyPass.", proof("certificate-name-mismatch")},
	{"AH02276|[remote", Fault, "The origin's certificate was not accepted; the number says why (18 self-signed, 10 expired, 20 unknown issuer).", "Look at SSLProxyCACertificateFile and at the origin's certificate.",
		append(proof("origin-handshake-failed"), possible("private-ca-not-trusted-here", "certificate-date-invalid")...)},
	{"AH02276", Fault, "The client's certificate was not accepted; the text says why.", "Look at SSLCACertificateFile, and at the dates.", proof("client-certificate-rejected")},
	{"AH01084|(20014)", Fine, "", "", nil},
	{"AH01097", Fine, "", "", nil},
	{"AH02003", Fine, "", "", nil},
	{"AH01997", Fine, "", "", nil},
	{"AH01084", Fault, "The request's body could not be sent to the origin.", "Look at the origin at this second, and at its limit for bodies.", possible("early-response-lost", "keepalive-race")},
	{"AH01095", Fine, "", "", nil},
	{"AH01630", Fault, "The configuration keeps this client out (Require).", "Look at Require for this path.", nil},
	{"AH00561", Fault, "A header field of the request is larger than LimitRequestFieldSize.", "Look at the size of Cookie and Authorization.", proof("request-header-too-large")},
	{"AH00565", Fault, "The request's target is longer than LimitRequestLine.", "Raise it if such targets are meant.", proof("request-header-too-large")},
	{"AH01382|body", Fault, "The request's body did not come in time.", "Look whether the client or the proxy in front holds it back; RequestReadTimeout sets the limit.", likely("slow-sender-cut")},
	{"AH01382", Fault, "The request's header did not come in time.", "A connection opened ahead of need looks the same and is harmless.", possible("slow-sender-cut")},
	{"AH01996", Fault, "Plain HTTP was sent to a TLS port.", "Let the client or the proxy in front use https for this port.", proof("plaintext-to-tls-port")},
	{"AH02263", Fault, "This path needs a client certificate; Apache asked for it after the request, and the client had none.", "Look whether the client (or the proxy in front) has one, and from which issuer.", proof("client-certificate-not-sent")},
	{"AH02261", Fault, "Apache asked for a new handshake after the request, and it failed.", "Does the proxy in front answer a HelloRequest? Else ask in the first handshake: SSLVerifyClient for the whole site.",
		possible("renegotiation-refused", "renegotiation-unanswered")},
	{"AH10158", Fault, "This path needs a client certificate, and the TLS 1.3 client cannot be asked after the handshake.", "Ask in the first handshake: SSLVerifyClient for the whole site.", proof("post-handshake-auth-not-offered")},
	{"AH02257", Fault, "The request's body is too large to be kept during a new handshake.", "Raise SSLRenegBufferSize, or ask in the first handshake.", proof("renegotiation-body-deadlock")},
	{"AH02032", Fault, "The name in TLS (SNI) and Host belong to sites with different TLS settings; the request is refused.", "Let the proxy in front send the same name in both.", proof("sni-host-mismatch")},
	{"AH02033", Fault, "The client sent no name in TLS (SNI), and this site needs one.", "Let the proxy in front send SNI.", proof("sni-missing-to-origin")},
	{"SSL Library Error|alert number 48", Fault, "The client does not trust the certificate's issuer (unknown_ca).", "Does the server send its whole chain? Else give the client the issuer.", likely("private-ca-not-trusted-here")},
	{"SSL Library Error|alert number 46", Fault, "The client does not accept the certificate (certificate_unknown).", "Look at its name, issuer and dates from that client.", possible("private-ca-not-trusted-here", "certificate-name-mismatch", "certificate-date-invalid")},
	{"SSL Library Error|alert number 42", Fault, "The client does not accept the certificate (bad_certificate).", "Look at its name, issuer and dates from that client.", possible("private-ca-not-trusted-here", "certificate-name-mismatch", "certificate-date-invalid")},
	{"SSL Library Error|alert number 45", Fault, "The client takes the certificate for expired (certificate_expired).", "Renew it, or look at the client's clock.", proof("certificate-date-invalid")},
	{"SSL Library Error|no suitable signature algorithm", Fault, "The client offers no signature algorithm this server allows; clients with TLS 1.0 and 1.1 alone do that.", "Look which TLS versions the client offers.", possible("version-mismatch", "cipher-or-group-mismatch")},
	{"SSL Library Error|unsupported protocol", Fault, "The client offers only TLS versions that are turned off here.", "Look at SSLProtocol, or renew the client.", proof("version-mismatch")},
	{"SSL Library Error|no shared cipher", Fault, "The two have no cipher suite in common.", "Look at SSLCipherSuite, and at the kind of the server's key.", proof("cipher-or-group-mismatch")},
	{"SSL Library Error|wrong version number", Fault, "What was sent is no TLS.", "Does the client send plain HTTP, or a PROXY header, to this port?", possible("plaintext-to-tls-port", "proxy-protocol-mismatch")},
	{"SSL Library Error|http request", Fine, "", "", nil},
	{"SSL Library Error|certificate verify failed", Fine, "", "", nil},
	{"AH02008", Fault, "The TLS handshake with the client failed.", "The next line of the same process says how.", nil},
	{"AH02006", Normal, "A client connected and closed before its TLS handshake was done.", "Normal: health checks do that. If users report failures, look at a capture.", nil},
	{"AH00072|(98)", Fault, "Another program already has this address and port.", "Run: fanlight ports", proof("address-in-use")},
	{"AH00072|(13)", Fault, "Apache lacks the right to open this port.", "Start it as root, or give it CAP_NET_BIND_SERVICE.", proof("port-not-permitted")},
	{"AH00484", Fault, "All of Apache's workers are busy (MaxRequestWorkers).", "Look why requests stay so long.", possible("slow-origin", "accepted-but-silent")},
}
