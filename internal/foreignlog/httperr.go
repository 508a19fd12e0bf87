package foreignlog

import "strings"

func httperrFacts(l *Line, f map[string]string) bool {
	reason := f["s-reason"]
	if reason == "" {
		return false
	}
	l.Target = f["cs-uri"]
	l.say("reason", reason)
	l.say("queue", f["s-queuename"])
	l.say("site", f["s-siteid"])
	l.Meaning = httperrMeaning(l, reason)
	return true
}

func httperrMeaning(l *Line, reason string) Meaning {
	kind := "HTTPERR " + reason
	for i := range httperrReasons {
		if e := &httperrReasons[i]; strings.EqualFold(e.words, reason) {
			return e.meaning(kind)
		}
	}
	return Meaning{State: Fault, Kind: kind, Text: "HTTP.sys ended this itself, before IIS could log it; this reason is not in the vendor's list.",
		Next: "Look at the same address and port in a capture."}
}

// The vendor's list: learn.microsoft.com, "Types of errors logged by the HTTP
// Server API" and KB 820729. NotFound and Request_Cancelled are seen in files,
// not in the list.
var httperrReasons = []entry{
	{"AppOffline", Fault, "503: the application pool was taken offline after its worker process failed too often.",
		"Look for WAS events 5002 and 5009 in the System log; fix the crash, then start the pool.", likely("no-usable-origin")},
	{"AppPoolTimer", Fault, "503: the application pool is too busy to take the request.",
		"Look at the pool's queue and CPU at this time.", possible("no-usable-origin", "slow-origin")},
	{"AppShutdown", Fault, "503: the application pool was shut down by policy, such as idle shutdown or recycling.",
		"Look at the pool's idle time-out and recycling settings.", likely("no-usable-origin")},
	{"BadRequest", Fault, "400: HTTP.sys could not parse the request. TLS bytes sent to an http port look the same.",
		"Look at the first bytes of the connection in a capture.", possible("request-malformed", "tls-to-plaintext-port")},
	{"Client_Reset", Fault, "The client ended the connection before the request reached a worker.",
		"Look at the time limit of the client or of the proxy in front.", likely("client-gave-up")},
	{"Connection_Abandoned_By_AppPool", Fault, "The worker process quit while this request was in its hands.",
		"Look for a crash or a recycle of the application pool at this second.", likely("origin-closed-without-answer")},
	{"Connection_Abandoned_By_ReqQueue", Fault, "The worker process quit while this request was in its hands.",
		"Look for a crash or a recycle of the application pool at this second.", likely("origin-closed-without-answer")},
	{"Connection_Dropped", Fault, "The connection was gone before the response was all sent.",
		"Compare how long requests ran with the time limit of the client or of the proxy in front.", likely("client-gave-up")},
	{"Connection_Dropped_List_Full", Fault, "So many connections were dropped that HTTP.sys could not note all of them.",
		"Look at the lines around this one.", possible("client-gave-up")},
	{"ConnLimit", Fault, "503: the site's limit of connections is reached.",
		"Look at the site's maxConnections, and at who holds connections open.", possible("connection-churn")},
	{"Connections_Refused", Fault, "HTTP.sys refuses new connections, because the kernel's memory for them is nearly used up.",
		"Look for a driver that leaks non-paged memory.", possible("accepted-but-silent")},
	{"Disabled", Fault, "503: an administrator has stopped the application pool.",
		"Start it: appcmd start apppool /apppool.name:NAME", likely("no-usable-origin")},
	{"EntityTooLarge", Fault, "413: the request's body is larger than allowed.", "Compare its size with the site's limits.", nil},
	{"FieldLength", Fault, "400: one header field is longer than MaxFieldLength. Large cookies and Kerberos tokens do that.",
		"Look at the size of Cookie and Authorization; raise MaxFieldLength if they must be so large.", proof("request-header-too-large")},
	{"Forbidden", Fault, "403: HTTP.sys met something forbidden while it parsed the request.", "Look at the request's target.", likely("request-malformed")},
	{"Header", Fault, "400: a header field could not be parsed.", "Look at the raw request in a capture.", likely("request-malformed")},
	{"Hostname", Fault, "400: the Host field is missing or wrong.",
		"Look at the Host that the client or the proxy in front sends, and at the site's bindings.", likely("host-rejected")},
	{"Internal", Fault, "500: HTTP.sys failed by itself.", "Look at the System log at this second.", nil},
	{"Invalid_CR/LF", Fault, "400: a line of the request ends with CR or LF alone.", "Look at the raw request in a capture.", likely("request-malformed")},
	{"LengthRequired", Fault, "411: the request needs a length and has none.", "Look at what the proxy in front makes of the body.", likely("request-malformed")},
	{"N/A", Fault, "503: HTTP.sys could not do its own part, such as for want of memory.",
		"Run: netsh http show urlacl  (a reservation of another account looks the same)", possible("no-usable-origin")},
	{"N/I", Fault, "The request's transfer encoding is not known here.", "Look at Transfer-Encoding.", likely("request-malformed")},
	{"NotFound", Fault, "404: no site claims this host and address.",
		"Look at the bindings: netsh http show servicestate", possible("stopped-site-still-handshakes", "host-rejected")},
	{"Number", Fault, "400: a number in the request could not be parsed.", "Look at Content-Length and the chunk sizes.", likely("request-malformed")},
	{"Precondition", Fault, "A precondition of the request was not met.", "Look at its If- fields.", nil},
	{"QueueFull", Fault, "503: the application pool's queue is full.", "Look why its workers are slow; queueLength only hides it.", likely("no-usable-origin")},
	{"Request_Cancelled", Fault, "The request was cancelled before it was answered.", "Look at the client's side.", possible("client-gave-up")},
	{"RequestLength", Fault, "400: the request's head is longer than MaxRequestBytes. Large cookies and Kerberos tokens do that.",
		"Look at the size of the header fields; raise MaxRequestBytes if they must be so large.", proof("request-header-too-large")},
	{"Timer_AppPool", Fault, "The request waited too long for a worker.", "Look why the application pool's workers are stuck.", likely("slow-origin")},
	{"Timer_ReqQueue", Fault, "The request waited too long for a worker.", "Look why the application pool's workers are stuck.", likely("slow-origin")},
	{"Timer_Connection", Normal, "HTTP.sys closed a connection that was idle.",
		"Normal. A proxy that uses the connection again at this very moment gets a reset.", possible("keepalive-race")},
	{"Timer_ConnectionIdle", Normal, "HTTP.sys closed a connection that was idle (connectionTimeout, 120 s unless changed).",
		"Normal. If the proxy in front has a 502 at this second, let it drop idle connections sooner.", possible("keepalive-race")},
	{"Timer_EntityBody", Fault, "The request's body stopped coming, and HTTP.sys gave up waiting.",
		"Look whether the client or the proxy in front holds the body back.", likely("slow-sender-cut")},
	{"Timer_HeaderWait", Fault, "The request's header never became complete, and HTTP.sys gave up waiting.",
		"A connection opened ahead of need looks the same and is harmless.", possible("slow-sender-cut")},
	{"Timer_MinBytesPerSecond", Fault, "The client read the response slower than the allowed least rate.",
		"Look whether the client or the proxy in front stopped reading.", likely("receiver-stalls")},
	{"Timer_Response", Fault, "The response took too long.", "Look at the application.", likely("slow-origin")},
	{"Timer_SslRenegotiation", Fault, "HTTP.sys asked for a new TLS handshake, usually for a client certificate, and it was not done in time (120 s).",
		"Does the proxy in front answer a HelloRequest? Else ask for the certificate in the first handshake: netsh http update sslcert ... clientcertnegotiation=enable",
		likely("renegotiation-unanswered")},
	{"URL", Fault, "400: the request's target could not be parsed.", "Look at the raw request in a capture.", likely("request-malformed")},
	{"URL_Length", Fault, "414: the request's target is too long.", "Compare it with UrlSegmentMaxLength and MaxRequestBytes.", proof("request-header-too-large")},
	{"Verb", Fault, "400: the request's method could not be parsed.", "TLS bytes on an http port look like this too.", possible("request-malformed", "tls-to-plaintext-port")},
	{"Version_N/S", Fault, "505: the request's HTTP version is not supported.", "Look at the first line of the request.", likely("request-malformed")},
}
