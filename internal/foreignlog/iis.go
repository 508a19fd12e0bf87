package foreignlog

import "strings"

func iisFacts(l *Line, f map[string]string) bool {
	if l.Status == 0 || l.Method == "" {
		return false
	}
	l.Target = f["cs-uri-stem"]
	if query := f["cs-uri-query"]; query != "" {
		l.Target += "?" + query
	}
	l.Took, l.TookKnown = milliseconds(f["time-taken"])
	l.say("substatus", f["sc-substatus"])
	l.say("win32", f["sc-win32-status"])
	l.say("user", f["cs-username"])
	l.say("version", f["cs-version"])
	l.Meaning = iisMeaning(l)
	return true
}

// iisMeaning reads the status with its substatus and the Windows error; the
// row that names most of them is taken.
func iisMeaning(l *Line) Meaning {
	code, sub, win32 := codes(l.Status), l.Word("substatus"), l.Word("win32")
	kind := "IIS " + code
	if sub != "" && sub != "0" {
		kind += "." + sub
	}
	if e := find(iisCodes, code+"."+sub+" "+win32); e != nil {
		return e.meaning(kind + " win32 " + win32)
	}
	if strings.HasPrefix(l.Target, "/<Rejected-By-UrlScan>") || strings.HasPrefix(l.Target, "/Rejected-By-UrlScan") {
		return Meaning{State: Fault, Kind: "IIS UrlScan", Text: "UrlScan refused the request; the query holds the original target.",
			Next: "Look at the UrlScan log of the same second.", Points: likely("request-filter-rejected")}
	}
	return iisParts(kind, l, find(iisCodes, code+"."+sub), find(iisWin32, win32))
}

// iisParts joins what the substatus and the Windows error say. The substatus
// of a refusal names the cause, and the error is what came of it; everywhere
// else it is the other way round.
func iisParts(kind string, l *Line, byCode, byError *entry) Meaning {
	if byError != nil && l.Status < 400 && byError.state != Fault {
		byError = nil
	}
	switch {
	case byCode == nil && byError == nil:
		return httpMeaning(kind, l.Status)
	case byError == nil:
		return byCode.meaning(kind)
	}
	kind += " win32 " + byError.words
	if byCode == nil {
		return byError.meaning(kind)
	}
	m, more := byError.meaning(kind), byCode
	if l.Status == 403 || l.Status == 404 {
		m, more = byCode.meaning(kind), byError
	}
	m.Text += " " + more.text
	return m
}

// Statuses with substatus, and with the Windows error where that changes what
// they mean. Substatuses: KB 943891 (learn.microsoft.com, "HTTP status code in
// IIS"); the pairs of 401: the vendor's "Windows Authentication HTTP Request
// Flow in IIS"; 500.0 with 50: its note of 2025-08-29 on TLS 1.3 client
// certificates. ARR's own: "502.3" with an error of WinHTTP.
var iisCodes = []entry{
	{"401.2 5", Normal, "The first, anonymous step of signing in: the answer asks who it is.", "Normal, if a 200 of the same client follows.", possible("no-credentials-offered")},
	{"401.1 2148074254", Normal, "The second step of an NTLM sign-in: the server has sent its challenge.",
		"Normal, if a 200 of the same client follows. If it repeats, look whether both steps used one connection.", possible("ntlm-handshake-split")},
	{"500.0 50", Fault, "IIS wanted a client certificate after a TLS 1.3 handshake, which cannot be asked for then (ERROR_NOT_SUPPORTED).",
		"Ask in the first handshake: netsh http update sslcert ... clientcertnegotiation=enable, or turn TLS 1.3 off for this binding.",
		likely("post-handshake-auth-not-offered")},
	{"502.3 12002", Fault, "ARR waited for the origin until its time limit (WinHTTP time-out).", "Compare time-taken with the proxy time-out (120 s unless changed; farms 30 s).", likely("gateway-timeout")},
	{"502.3 12029", Fault, "ARR could not connect to the origin.", "Try the origin's address and port from this machine.", possible("port-closed", "syn-unanswered")},
	{"502.3 12030", Fault, "The origin ended its connection with ARR before it answered.", "Look at the origin at this second; a reused idle connection does it too.", possible("origin-closed-without-answer", "keepalive-race")},
	{"502.3 12044", Fault, "The origin wants a client certificate, and ARR gave none.", "Look at the origin's certificate setting for this path.", likely("client-certificate-not-sent")},
	{"502.3 12152", Fault, "The origin's answer is no valid HTTP.", "Look at the response in a capture.", likely("response-framing-conflict")},
	{"502.3 12175", Fault, "ARR's TLS handshake with the origin failed.", "Look at the origin's certificate: its name, its issuer, its dates.", likely("origin-handshake-failed")},
	{"400.604", Fault, "ARR: the client went away before the answer.", "Look at the client's time limit.", likely("client-gave-up")},
	{"401.1", Fault, "Sign-in failed.", "Look at the user name, and at the Security log of this second.", nil},
	{"401.2", Normal, "The request came without a sign-in that this path needs.", "Normal as a first step, if a 200 of the same client follows.", possible("no-credentials-offered")},
	{"401.3", Fault, "The user signed in, but the file's permissions keep them out.", "Look at the permissions of the file.", nil},
	{"403.4", Fault, "This path needs TLS, and the request came without it (or a proxy took it off).", "Look at the scheme the proxy in front uses.", nil},
	{"403.7", Fault, "This path needs a client certificate, and none came. A proxy in front that ends TLS cannot pass one on.",
		"Look whether the certificate was asked for, and whether the side that met IIS had one.", append(likely("client-certificate-not-sent"), possible("renegotiation-unanswered")...)},
	{"403.13", Fault, "The client certificate is revoked, or whether it is could not be found out.", "Can this server fetch the CRL? certutil -verify -urlfetch CERT", likely("client-certificate-rejected")},
	{"403.16", Fault, "The client certificate is not trusted by this server.", "Put its issuer into the machine's root store. A certificate in that store that is not self-signed causes this, too.", likely("client-certificate-rejected")},
	{"403.17", Fault, "The client certificate is expired or not valid yet.", "Look at its dates, and at this server's clock.", proof("client-certificate-rejected")},
	{"404.5", Fault, "Request filtering refused the target (denied sequence).", "Look at requestFiltering/denyUrlSequences.", proof("request-filter-rejected")},
	{"404.6", Fault, "Request filtering refused the method.", "Look at requestFiltering/verbs.", proof("request-filter-rejected")},
	{"404.7", Fault, "Request filtering refused the file extension.", "Look at requestFiltering/fileExtensions.", proof("request-filter-rejected")},
	{"404.8", Fault, "Request filtering refused a hidden segment of the path.", "Look at requestFiltering/hiddenSegments.", proof("request-filter-rejected")},
	{"404.10", Fault, "Request filtering refused a header field that is too long.", "Look at requestLimits/headerLimits.", proof("request-filter-rejected")},
	{"404.11", Fault, "Request filtering refused a target that is escaped twice.", "Look at allowDoubleEscaping.", proof("request-filter-rejected")},
	{"404.12", Fault, "Request filtering refused characters above 127 in the target.", "Look at allowHighBitCharacters.", proof("request-filter-rejected")},
	{"404.13", Fault, "Request filtering refused the request: its body is too long.", "Look at maxAllowedContentLength (30,000,000 bytes unless changed).", proof("request-filter-rejected")},
	{"404.14", Fault, "Request filtering refused the target: it is too long.", "Look at maxUrl.", proof("request-filter-rejected")},
	{"404.15", Fault, "Request filtering refused the query: it is too long.", "Look at maxQueryString.", proof("request-filter-rejected")},
	{"404.18", Fault, "Request filtering refused the query (denied sequence).", "Look at denyQueryStringSequences.", proof("request-filter-rejected")},
	{"404.19", Fault, "A rule of request filtering refused the request.", "Look at filteringRules.", proof("request-filter-rejected")},
	{"413.1", Fault, "The request's body is too large. During a renegotiation, uploadReadAheadSize is the limit.", "Look at uploadReadAheadSize if this path asks for client certificates late.", possible("renegotiation-body-deadlock")},
	{"500.19", Fault, "IIS could not read its own configuration.", "Look at the win32 status and at web.config.", nil},
	{"500.21", Fault, "IIS has no module for this handler.", "Look at web.config and at the installed features.", nil},
	{"502.3", Fault, "ARR: the connection with the origin failed.", "The win32 status says how: run `net helpmsg` with it, or look it up under WinHTTP.", possible("origin-closed-without-answer", "gateway-timeout")},
	{"502.4", Fault, "ARR has no healthy server for this.", "Look at the farm's health page.", likely("no-usable-origin")},
	{"503.0", Fault, "The application pool is not available.", "Look at HTTPERR of the same second.", likely("no-usable-origin")},
	{"503.2", Fault, "More requests at once than the application allows (appConcurrentRequestLimit).", "Look why requests stay so long.", possible("slow-origin")},
	{"503.3", Fault, "ASP.NET's queue is full.", "Look why requests stay so long.", possible("slow-origin")},
	{"503.4", Fault, "FastCGI's queue is full.", "Look why requests stay so long.", possible("slow-origin")},
}

// Windows errors. The names are those of winerror.h; that 64 is a client that
// left is how detectors in the field read it.
var iisWin32 = []entry{
	{"64", Fault, "The client's connection was gone when the response was sent (ERROR_NETNAME_DELETED).", "Compare time-taken with the time limit of the client or of the proxy in front.", likely("client-gave-up")},
	{"121", Fault, "Sending to the client stalled (ERROR_SEM_TIMEOUT).", "Look at a capture: did the client stop reading, or were packets lost?", possible("receiver-stalls", "mtu-black-hole")},
	{"995", Fault, "The request was aborted (ERROR_OPERATION_ABORTED): the client left, or the application pool was recycled.", "Look for a recycle at this second.", possible("client-gave-up", "origin-closed-without-answer")},
	{"1229", Fault, "The connection was no longer there (ERROR_CONNECTION_INVALID).", "Look at the client's side.", likely("client-gave-up")},
	{"1236", Fault, "The connection was aborted by this machine (ERROR_CONNECTION_ABORTED).", "Look at HTTPERR of the same second.", possible("client-gave-up")},
	{"1326", Fault, "Wrong user name or password (ERROR_LOGON_FAILURE).", "Look at the Security log of this second.", nil},
	{"1330", Fault, "The password has expired.", "Change the password.", nil},
	{"1331", Fault, "The account is disabled.", "Look at the account.", nil},
	{"1909", Fault, "The account is locked.", "Look who tries old passwords.", nil},
	{"2148074248", Fault, "The sign-in's token is not one this step expects (SEC_E_INVALID_TOKEN). That happens when its steps arrive on different connections.",
		"Does the proxy in front keep one origin connection for one client connection?", likely("ntlm-handshake-split")},
	{"2148074252", Fault, "The sign-in was refused (SEC_E_LOGON_DENIED): wrong credentials, or the server's loopback check.",
		"If it happens only from the server itself, look at BackConnectionHostNames.", possible("loopback-check-401")},
	{"2148074254", Normal, "The server has sent its challenge (SEC_E_NO_CREDENTIALS).", "Normal, if a 200 of the same client follows.", possible("ntlm-handshake-split")},
	{"2148074274", Fault, "The Kerberos ticket is for another account than the one that should open it (SEC_E_WRONG_PRINCIPAL).", "Look who has the SPN: setspn -Q HTTP/NAME", likely("kerberos-wrong-key")},
	{"2148074276", Fault, "The clocks differ too much for Kerberos (SEC_E_TIME_SKEW).", "Compare the clocks: w32tm /query /status", likely("kerberos-clock-skew")},
	{"2148074310", Fault, "The channel binding does not fit (SEC_E_BAD_BINDINGS): TLS is ended by something in between.", "Look at extendedProtection; a proxy in front that ends TLS cannot satisfy it.", likely("channel-binding-mismatch")},
	{"2148081683", Fault, "The revocation list could not be fetched (CRYPT_E_REVOCATION_OFFLINE).", "Can this server fetch it? certutil -verify -urlfetch CERT", likely("client-certificate-rejected")},
	{"2148204809", Fault, "The client certificate's chain ends in a root that is not trusted (CERT_E_UNTRUSTEDROOT).", "Put the issuer into the machine's root store.", likely("client-certificate-rejected")},
}
