package foreignlog

import "strconv"

func codes(status int) string { return strconv.Itoa(status) }

// httpMeaning is what a status says when nothing else is known. Answers with
// 4xx that applications give every day are no faults.
func httpMeaning(kind string, status int) Meaning {
	if e := find(statuses, codes(status)); e != nil {
		return e.meaning(kind)
	}
	if status >= 500 {
		return Meaning{State: Fault, Kind: kind, Text: "The server failed.", Next: "Look at its error log of the same second."}
	}
	return Meaning{Kind: kind}
}

// Statuses of RFC 9110, RFC 6585, and those nginx has for its own log (499 and
// 494 to 497 in ngx_http_request.h; 444 of its directive return).
var statuses = []entry{
	{"400", Fault, "The server refused the request itself. nginx logs 400 for a header that is too large, plain HTTP on a TLS port and a missing client certificate, too.",
		"The error log of the same second says what was wrong (nginx: at level info).", possible("request-malformed", "request-header-too-large", "plaintext-to-tls-port", "client-certificate-not-sent")},
	{"408", Fault, "The client did not send its request in time.", "A connection opened ahead of need looks the same and is harmless.", possible("slow-sender-cut")},
	{"413", Fault, "The request's body is larger than allowed.", "Compare its size with the limit (nginx: client_max_body_size; Apache: LimitRequestBody).", nil},
	{"414", Fault, "The request's target is longer than allowed.", "Look at the size limits of request lines.", proof("request-header-too-large")},
	{"421", Fault, "The request is for a host that this connection is not for.", "Look at the name in TLS (SNI) and at Host: they differ, or a browser shares one connection for two names.",
		possible("h2-coalesced-misdirected", "sni-host-mismatch", "sni-missing-to-origin")},
	{"431", Fault, "The request's header fields are larger than allowed.", "Look at the size of Cookie and Authorization.", proof("request-header-too-large")},
	{"444", Normal, "nginx was told to close this connection without an answer (return 444).", "Look at the configuration if that is not meant.", nil},
	{"494", Fault, "The request's header fields are larger than nginx takes.", "Look at large_client_header_buffers and the size of Cookie.", proof("request-header-too-large")},
	{"495", Fault, "The client's certificate was not accepted.", "The error log says why, at level info.", proof("client-certificate-rejected")},
	{"496", Fault, "The client sent no certificate, and this site needs one.", "Look whether the client has one, and from which issuer.", proof("client-certificate-not-sent")},
	{"497", Fault, "Plain HTTP was sent to a TLS port.", "Let the client or the proxy in front use https for this port.", proof("plaintext-to-tls-port")},
	{"499", Fault, "The client left before it had the answer.", "Compare how long it waited with the time limit of the client or of the proxy in front; then look why the answer took so long.", proof("client-gave-up")},
	{"500", Fault, "The server failed: the application, or the server itself.", "Look at the error log of the same second, then at the application's.", nil},
	{"502", Fault, "The gateway got no usable answer from the origin. The access log cannot say why.", "Look at the error log of the same second; it names the cause.",
		possible("origin-closed-without-answer", "port-closed", "origin-handshake-failed", "keepalive-race", "gateway-timeout")}, // Apache answers 502 for a silent origin, too
	{"503", Fault, "No origin could take the request, or the server refuses for now.", "Look at the error log of the same second.", possible("no-usable-origin")},
	{"504", Fault, "The origin did not answer in the gateway's time limit.", "Compare the duration with the gateway's time limits; then look why the origin is slow.", likely("gateway-timeout")},
}
