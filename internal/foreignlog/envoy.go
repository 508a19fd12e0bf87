package foreignlog

import (
	"encoding/json"
	"strconv"
	"strings"
	"time"
)

// envoy reads Envoy's access log in its default form, also with what Istio
// puts between, and as JSON under the names its operators suggest. START_TIME
// is UTC and says so.
type envoy struct{}

func (envoy) parse(l *Line) bool {
	if strings.HasPrefix(l.Text, "{") {
		return envoyJSON(l)
	}
	s := scan{rest: l.Text}
	if !envoyTime(l, s.bracketed()) {
		return false
	}
	request := s.quoted()
	code, flags := s.word(), s.word()
	if s.failed || !isFlags(flags) {
		return false
	}
	l.request(request)
	l.Status = status(code)
	l.say("flags", flags)
	envoyRest(l, &s)
	l.Meaning = envoyMeaning(l)
	return true
}

// envoyRest reads what follows the flags: three words more in Istio's form,
// then the numbers, then quoted values, of which the last two before the
// upstream's facts are the host and the upstream's address.
func envoyRest(l *Line, s *scan) {
	var quoted, plain []string
	for s.rest = strings.TrimLeft(s.rest, " "); s.rest != "" && !s.failed; s.rest = strings.TrimLeft(s.rest, " ") {
		if s.rest[0] == '"' {
			quoted = append(quoted, s.quoted())
		} else if word := s.word(); len(quoted) < 5 {
			plain = append(plain, word)
		} else {
			envoyAddresses(l, word)
		}
	}
	if len(plain) > 0 && !isDigits(plain[0]) { // Istio: details and termination details
		l.say("details", plain[0])
		plain = plain[min(2, len(plain)):]
	}
	if len(quoted) > 5 {
		l.say("transport_failure", quoted[0])
		quoted = quoted[1:]
	}
	if len(plain) > 2 {
		l.Took, l.TookKnown = milliseconds(plain[2])
	}
	if len(quoted) >= 5 {
		l.say("forwarded_for", quoted[0])
		l.Host = first(quoted[3], "-")
		l.Upstream = address(quoted[4])
	}
}

// envoyAddresses takes Istio's last words in their order: cluster, upstream
// local address, downstream local address, downstream remote address.
func envoyAddresses(l *Line, word string) {
	at := address(word)
	if !at.IsValid() {
		return
	}
	l.Server, l.Client = l.Client, at
}

func envoyTime(l *Line, stamp string) bool {
	at, err := time.Parse(time.RFC3339Nano, stamp)
	l.Time, l.Zone, l.Tick = at.UTC(), ZoneInLine, time.Millisecond
	return err == nil
}

func isFlags(s string) bool {
	return s == "-" || s != "" && strings.Trim(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZ,_0123456789") == "" && !isDigits(s)
}

func envoyJSON(l *Line) bool {
	var raw map[string]any
	if json.Unmarshal([]byte(l.Text), &raw) != nil {
		return false
	}
	get := func(names ...string) string {
		for _, name := range names {
			switch v := raw[name].(type) {
			case string:
				return first(v, "-")
			case float64:
				return strconv.FormatFloat(v, 'f', -1, 64)
			}
		}
		return ""
	}
	_, flagged := raw["response_flags"]
	if !flagged || !envoyTime(l, get("start_time", "timestamp", "time")) {
		return false
	}
	l.Status, l.Method = status(get("response_code", "status")), get("method", "request_method")
	l.Target, l.Host = get("path", "x_envoy_original_path", "request_path"), get("authority", "host")
	l.Client, l.Server = address(get("downstream_remote_address")), address(get("downstream_local_address"))
	l.Upstream = address(get("upstream_host"))
	l.Took, l.TookKnown = milliseconds(get("duration"))
	l.say("flags", get("response_flags"))
	l.say("details", get("response_code_details"))
	l.say("connection_details", get("connection_termination_details"))
	l.say("transport_failure", get("upstream_transport_failure_reason"))
	l.say("downstream_failure", get("downstream_transport_failure_reason"))
	l.say("cluster", get("upstream_cluster"))
	l.Meaning = envoyMeaning(l)
	return true
}

// envoyMeaning reads the transport's failure first, which names the cause; then
// the flags; then the details.
func envoyMeaning(l *Line) Meaning {
	flags := l.Word("flags")
	kind := "Envoy " + flags
	for _, word := range []string{"transport_failure", "downstream_failure", "details", "connection_details"} {
		if e := findText(envoyDetails, l.Word(word)); e != nil && l.Word(word) != "" {
			return e.meaning(strings.TrimSpace(kind + " " + e.words))
		}
	}
	for flag := range strings.SplitSeq(flags, ",") {
		if e := find(envoyFlags, flag); e != nil {
			return e.meaning("Envoy " + flag)
		}
	}
	switch {
	case flags != "":
		return Meaning{State: Fault, Kind: kind, Text: "Envoy set a flag that is not known here.", Next: "Look it up under RESPONSE_FLAGS in the documentation of your version."}
	case l.Status >= 500:
		return Meaning{State: Fault, Kind: "Envoy - " + codes(l.Status), Text: "The origin itself answered " + codes(l.Status) + "; Envoy passed it on.", Next: "Look at the origin's own log of the same second."}
	}
	return httpMeaning("Envoy - "+codes(l.Status), l.Status)
}

// Envoy's documentation, "Access logging", RESPONSE_FLAGS.
var envoyFlags = []entry{
	{"UF", Fault, "The origin could not be connected to.", "Log %UPSTREAM_TRANSPORT_FAILURE_REASON%: it says whether TCP or TLS failed.", possible("port-closed", "syn-unanswered", "origin-handshake-failed")},
	{"URX", Fault, "All tries are used up.", "Look at the other flags and at the origin.", possible("no-usable-origin")},
	{"UC", Fault, "The origin ended the connection.", "Look at the origin at this second. On a reused idle connection it is a race: set idle_timeout below the origin's limit.", append(likely("origin-closed-without-answer"), possible("keepalive-race")...)},
	{"UR", Fault, "The origin reset the request.", "Look at the origin at this second. On a reused idle connection it is a race: set idle_timeout below the origin's limit.", append(likely("origin-closed-without-answer"), possible("keepalive-race", "h2-goaway-race")...)},
	{"UT", Fault, "The origin did not answer in the route's time limit (15 s unless changed).", "Compare the duration with the route's timeout, then look why the origin is slow.", likely("gateway-timeout")},
	{"UH", Fault, "No origin of this cluster is healthy.", "Look at the health checks: /clusters of the admin page.", proof("no-usable-origin")},
	{"UO", Fault, "The cluster's circuit breaker is open: too many connections or requests at once.", "Look why requests stay so long; then at circuit_breakers.", proof("no-usable-origin")},
	{"UPE", Fault, "The origin's answer breaks the protocol.", "Look at the response in a capture; does the origin speak the version that is configured?", likely("response-framing-conflict")},
	{"UMSDR", Fault, "The request lived longer than max_stream_duration of the origin side.", "Compare the duration with that limit.", likely("gateway-timeout")},
	{"LR", Fault, "Envoy reset the connection itself.", "Look at the details: %RESPONSE_CODE_DETAILS%", possible("h2-flow-control-stall", "gateway-timeout")},
	{"LH", Fault, "Envoy's own health check failed.", "Look at the health check filter.", possible("no-usable-origin")},
	{"NR", Fault, "No route fits this host and path.", "Look at Host and at the routes: /config_dump of the admin page.", likely("host-rejected")},
	{"NC", Fault, "The route's cluster does not exist.", "Look at /config_dump of the admin page.", proof("no-usable-origin")},
	{"NFCF", Fault, "No filter chain fits this connection, by its name (SNI) or address.", "Look at the name the client sends in TLS.", likely("no-certificate-for-binding")},
	{"DC", Fault, "The client left before it had the answer.", "Compare how long it waited with the time limit of the client or of the proxy in front.", proof("client-gave-up")},
	{"DR", Fault, "The client reset the request.", "Compare how long it waited with the time limit of the client or of the proxy in front.", likely("client-gave-up")},
	{"DPE", Fault, "The client's request breaks the protocol.", "Look at the details: %RESPONSE_CODE_DETAILS%", likely("request-malformed")},
	{"DT", Fault, "The request or the connection lived longer than its limit.", "Compare the duration with max_stream_duration or max_connection_duration.", possible("gateway-timeout")},
	{"SI", Fault, "Nothing moved on this request for stream_idle_timeout (5 minutes unless changed).", "Look which side was silent; of a WebSocket, let it send pings.", possible("gateway-timeout", "ws-idle-cut")},
	{"DF", Fault, "The origin's name has no address, or the name server did not answer.", "Ask the name server this Envoy uses.", likely("name-does-not-resolve")},
	{"DO", Fault, "Envoy dropped the request to shed load.", "Look at the load of this Envoy, and at drop_overload.", nil},
	{"OM", Fault, "Envoy's overload manager refused the request.", "Look at the memory and connections of this Envoy.", nil},
	{"RL", Fault, "A rate limit refused the request (429).", "Look at the limit.", nil},
	{"RLSE", Fault, "The rate limit service failed, and the request was refused.", "Look at that service.", nil},
	{"UAEX", Fault, "The external authorisation service refused the request.", "Look at that service.", nil},
	{"IH", Fault, "A header field of Envoy's own has a value it does not take.", "Look at the x-envoy- fields of the request.", likely("request-malformed")},
	{"FI", Normal, "A fault that was asked for (fault injection).", "Normal where that is configured.", nil},
	{"DI", Normal, "A delay that was asked for (fault injection).", "Normal where that is configured.", nil},
	{"RFCF", Normal, "The answer came from the cache.", "Normal.", nil},
}

// Texts of details and of TLS failures: Envoy's documentation, "Response code
// details"; the names behind OPENSSL_internal are BoringSSL's.
var envoyDetails = []entry{
	{"NO_RENEGOTIATION", Fault, "The origin asked for a new TLS handshake, and this Envoy refuses that.", "Set allow_renegotiation in the cluster's TLS context, or let the origin ask in the first handshake.", proof("renegotiation-refused")},
	{"WRONG_VERSION_NUMBER", Fault, "The origin's port does not speak TLS.", "Take TLS out of this cluster, or use the origin's TLS port.", likely("tls-to-plaintext-port")},
	{"CERTIFICATE_VERIFY_FAILED", Fault, "The origin's certificate was not accepted.", "Look at its name, issuer and dates, and at trusted_ca.", append(proof("origin-handshake-failed"), possible("private-ca-not-trusted-here", "certificate-name-mismatch", "certificate-date-invalid")...)},
	{"CERTIFICATE_REQUIRED", Fault, "The origin wants a client certificate, and got none.", "Give this cluster's TLS context a certificate.", proof("client-certificate-not-sent")},
	{"TLSV1_ALERT_UNKNOWN_CA", Fault, "The peer does not trust the issuer of the certificate it was sent.", "Look at the certificate this side presents.", likely("private-ca-not-trusted-here")},
	{"UNSUPPORTED_PROTOCOL", Fault, "The two sides have no TLS version in common.", "Look at tls_minimum_protocol_version.", proof("version-mismatch")},
	{"TLSV1_ALERT_PROTOCOL_VERSION", Fault, "The peer does not take the TLS version it was offered.", "Look at the TLS versions of both sides.", proof("version-mismatch")},
	{"UNRECOGNIZED_NAME", Fault, "The origin knows no site of the name that was asked for.", "Set sni in the cluster's TLS context.", likely("sni-missing-to-origin")},
	{"HANDSHAKE_FAILURE", Fault, "The peer refused the TLS handshake.", "Does the origin want SNI, or another suite?", possible("sni-missing-to-origin", "cipher-or-group-mismatch")},
	{"TLS_error", Fault, "The TLS handshake failed; the text says how.", "Look at the text.", proof("origin-handshake-failed")},
	{"remote_connection_failure|Connection_refused", Fault, "Nothing listens on the origin's address and port.", "Start the origin, or correct its address.", proof("port-closed")},
	{"delayed_connect_error:_111", Fault, "Nothing listens on the origin's address and port.", "Start the origin, or correct its address.", proof("port-closed")},
	{"delayed_connect_error:_113", Fault, "There is no way to the origin's address (no route to host).", "Look at the network between the two.", proof("address-unreachable")},
	{"{connection_timeout}", Fault, "The origin's address did not answer in connect_timeout.", "Look for a firewall on the way.", likely("syn-unanswered")},
	{"{connection_failure", Fault, "The origin could not be connected to.", "Look at the text behind it.", possible("port-closed", "syn-unanswered")},
	{"{connection_termination}", Fault, "The origin ended the connection before it had answered.", "Look at the origin at this second. On a reused idle connection it is a race: set idle_timeout below the origin's limit.", append(likely("origin-closed-without-answer"), possible("keepalive-race")...)},
	{"{remote_reset}", Fault, "The origin reset the request before it had answered.", "Look at the origin at this second.", append(likely("origin-closed-without-answer"), possible("h2-refused-or-throttled-streams")...)},
	{"{protocol_error}", Fault, "The origin's answer breaks the protocol.", "Does the origin speak the version that is configured?", likely("response-framing-conflict")},
	{"upstream_response_timeout", Fault, "The origin did not answer in the route's time limit (15 s unless changed).", "Compare the duration with the route's timeout, then look why the origin is slow.", likely("gateway-timeout")},
	{"response_timeout", Fault, "The origin did not answer in the route's time limit (15 s unless changed).", "Compare the duration with the route's timeout, then look why the origin is slow.", likely("gateway-timeout")},
	{"downstream_remote_disconnect", Fault, "The client left before it had the answer.", "Compare how long it waited with the time limit of the client or of the proxy in front.", proof("client-gave-up")},
	{"request_headers_too_large", Fault, "The request's header fields are larger than Envoy takes.", "Look at the size of Cookie; max_request_headers_kb is the limit.", proof("request-header-too-large")},
	{"request_overall_timeout", Fault, "The client did not send its whole request in request_timeout.", "Look whether the client or the network stalls.", likely("slow-sender-cut")},
	{"stream_idle_timeout", Fault, "Nothing moved on this request for stream_idle_timeout (5 minutes unless changed).", "Look which side was silent.", possible("gateway-timeout", "ws-idle-cut")},
	{"cluster_not_found", Fault, "The route's cluster does not exist.", "Look at /config_dump of the admin page.", proof("no-usable-origin")},
	{"no_healthy_upstream", Fault, "No origin of this cluster is healthy.", "Look at the health checks: /clusters of the admin page.", proof("no-usable-origin")},
	{"route_not_found", Fault, "No route fits this host and path.", "Look at Host and at the routes.", likely("host-rejected")},
	{"filter_chain_not_found", Fault, "No filter chain fits this connection, by its name (SNI) or address.", "Look at the name the client sends in TLS.", likely("no-certificate-for-binding")},
	{"http1.", Fault, "Envoy could not parse the HTTP/1.1 of one side; the text says what.", "Look at the text, and at the bytes in a capture.", possible("request-malformed", "response-framing-conflict")},
}
