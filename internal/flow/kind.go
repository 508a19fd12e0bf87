package flow

// Kind says what an Event reports. The comment on each constant names the
// Event fields it uses besides At, Conn, From and Packet.
type Kind uint8

const (
	KindUnknown Kind = iota

	// Open introduces a connection. Open.
	Open

	// Names. Query and Answer are messages of DNS (RFC 1035), as packets show
	// them; LookedUp is what came of asking, and all that other sources see of it.

	LookedUp // the name that this connection was made for was looked up; At: when that ended; Text: name; Attrs: result, rcode, addresses, took_ms, by, dns, reason
	Query    // From asked for a name; Text: name; Attrs: type, recursive
	Answer   // From answered; Text: the name asked for; Attrs: type, rcode, addresses, canonical, ttl_s, cut

	// TCP.

	SYN           // an attempt to connect began
	Established   // the TCP handshake is complete
	ConnectFailed // it failed; Text: refused, timeout, unreachable, no-source-port, or the system's words; Attrs: reason, by
	FIN           // From ended its sending direction
	RST           // From reset the connection; Attrs: ttl, usual_ttl or syn_ttl, if they differ; silent_ms, if it is a second or more
	Closed        // the connection is over; Text: why, if only a participant can know; Attrs: client_bytes, server_bytes, packets

	// TCP as only packets show it. From is the sender of the bytes.

	MidStream      // the record begins in the middle: no SYN was seen; Attrs: sides
	Retransmission // bytes came again; Bytes
	OutOfOrder     // bytes came before those in front of them; Bytes
	Overlap        // bytes came again and were others; Bytes; the first ones count
	Gap            // bytes passed that were not captured; Bytes
	BufferFull     // bytes or exchanges were dropped by us, or the record ended, to bound memory; Bytes, or Text
	KeepAlive      // a probe of an idle connection
	ZeroWindow     // From takes no more bytes for now
	WindowOpen     // From takes bytes again; Bytes, how many
	WindowFull     // From had to wait again and again, for it had sent all that the other side takes; Attrs: window, scaling, times, waited_ms
	AckedUnseen    // the bytes of the gap that follows arrived: it was the capture that lost them; Bytes
	Stray          // bytes passed that lie too far away to belong to the stream, and were left out; Bytes
	Undelivered    // a router or host said that a packet of From was not delivered (ICMP); Text: why; Attrs: by, mtu
	InvalidRST     // a reset passed that its receiver ignores, because it is outside of the window
	CaptureFlaw    // the capture shows this connection otherwise than it was; Text: a Flaw constant; From: the side it shows, of one-sided; Attrs: packets, how many

	// ProxyHeader: a PROXY protocol header stands in front of what From sends;
	// Text: v1 or v2; Attrs: client, server, transport, local, authority, alpn,
	// unique_id, namespace, checksum, tls, tls_...; fault, if it is damaged.
	ProxyHeader

	// TLS. Attrs carry the facts, see the Key constants.

	ClientHello        // Attrs: sni, alpn, versions, bytes, pha, tickets, key_shares, early_data, status_request
	ServerHello        // Attrs: version, cipher, alpn, resumed, tickets, renegotiation_info, downgrade
	Certificate        // From showed a certificate; Text: subject or "none"; Attrs: issuer, names, not_after, sha256, chain, ca_issuers, key_usage, ext_key_usage, key, signature, must_staple, binding
	Staple             // the server sent an OCSP response with its certificate; Text: good, revoked, unknown, unreadable, or why it says nothing; Attrs: about, this_update, next_update
	CertificateRequest // From asked for a certificate during a handshake; Attrs: cas, cas_bytes
	SessionTicket      // the server gave out what a later connection may resume with; Attrs: tickets
	TLSDone            // the handshake is complete; Attrs: version, cipher, alpn, resumed, early_data
	TLSFailed          // the handshake failed; Text: reason as the participant knows it; Attrs: fault, names, issuer, not_after
	Alert              // Text: alert name, none of one that was encrypted and not read; Attrs: level
	HelloRequest       // the server asked for a renegotiation (TLS <= 1.2)
	Renegotiating      // the client began the renegotiation it was asked for
	Renegotiated       // the renegotiation is complete
	EarlyData          // the client sent 0-RTT data
	HelloRetry         // the server asked for another ClientHello (TLS 1.3)
	KeyUpdate          // From changed its keys (TLS 1.3)

	// HTTP. Exchange is set.

	Request      // Text: method and target; Header; Parent; Attrs: http, scheme, host, stream, reused, idle_ms
	RequestDone  // the request body ended; Bytes
	Interim      // an interim response; Status, Header
	Response     // Status, Text: reason phrase; Header; Attrs: http
	ResponseDone // the response body ended; Bytes; Attrs: sha256, pause_ms
	Compressed   // the door compressed the response body; Text: the content coding; Bytes before it
	ExchangeDone // Text: complete, truncated, no-response or refused; none: what became of it was not observed
	Tunnel       // the exchange became a tunnel; Text: protocol
	TunnelDone   // the tunnel ended; Attrs: client_bytes, server_bytes, idle_ms before the end (of frames)
	Irregular    // a framing or syntax irregularity; Text: its name; Attrs: offset, field
	AuthToken    // an authentication token passed; Text: scheme; Attrs: step, binding
	StreamReset  // From ended an HTTP/2 stream before its end; Text: error
	GoAway       // From takes no more HTTP/2 streams; Text: error; Attrs: stream, the last one, reason, its words
	Stalled      // a wait of From is over, which had more of a body to send and no HTTP/2 window; Text: whose window, stream or connection; Bytes sent of that body; Attrs: stream, waited_ms
	Unconfirmed  // a wait of From is over, whose HTTP/2 frame the other side did not acknowledge; Text: ping or settings; Attrs: waited_ms

	// What only the door knows.

	Chosen   // the site or origin that this connection belongs to; Text: its name; Attrs: what, strips
	Decision // Text: verdict and reason; Attrs: by
	Timeout  // a deadline ended a wait; Text: phase; Attrs: limit_ms
	Retry    // the request is sent again on another connection; Text: why
	Pinned   // the connection now belongs to one client; Text: scheme
	Incident // Fanlight answered by itself; Text: incident id; Attrs: cause, substatus
	Hanging  // the exchange is unfinished and was published by the sweeper, or waited at the end of the capture; Text: phase

	// Facts about the machine, not tied to a connection (Conn is 0).

	BindFailed  // Text: address; Attrs: site, holder, pid, on, errno
	HostsEntry  // the hosts file gives a name addresses; Text: name; Attrs: addresses
	SiteState   // Text: site; Attrs: state, reason, binds, when_stopped
	OriginState // Text: origin; Attrs: site, state, reason; with state moved: addresses

	// Kinds that were added later: records on disk have numbers.

	WAFMatch // a rule of the WAF matched; Text: its message; Attrs: rule, severity, adds, target, value, steps, compared, matched, further
)

var kindNames = [...]string{
	KindUnknown: "unknown", Open: "open",
	LookedUp: "looked-up", Query: "query", Answer: "answer",
	MidStream: "mid-stream", Retransmission: "retransmission", OutOfOrder: "out-of-order", Overlap: "overlap",
	Gap: "gap", BufferFull: "buffer-full", KeepAlive: "keep-alive", ZeroWindow: "zero-window", WindowOpen: "window-open", WindowFull: "window-full",
	AckedUnseen: "acked-unseen", Stray: "stray", Undelivered: "undelivered", InvalidRST: "invalid-rst", CaptureFlaw: "capture-flaw",
	ProxyHeader: "proxy-header", HelloRetry: "hello-retry", KeyUpdate: "key-update", StreamReset: "stream-reset", GoAway: "go-away", Stalled: "stalled", Unconfirmed: "unconfirmed",
	SYN: "syn", Established: "established", ConnectFailed: "connect-failed",
	FIN: "fin", RST: "rst", Closed: "closed",
	ClientHello: "client-hello", ServerHello: "server-hello",
	Certificate: "certificate", Staple: "staple", CertificateRequest: "certificate-request", SessionTicket: "session-ticket",
	TLSDone: "tls-done", TLSFailed: "tls-failed", Alert: "alert",
	HelloRequest: "hello-request", Renegotiating: "renegotiating",
	Renegotiated: "renegotiated", EarlyData: "early-data",
	Request: "request", RequestDone: "request-done", Interim: "interim",
	Response: "response", ResponseDone: "response-done", Compressed: "compressed", ExchangeDone: "exchange-done",
	Tunnel: "tunnel", TunnelDone: "tunnel-done", Irregular: "irregular", AuthToken: "auth-token",
	Chosen: "chosen", Decision: "decision", Timeout: "timeout", Retry: "retry",
	Pinned: "pinned", Incident: "incident", Hanging: "hanging",
	BindFailed: "bind-failed", HostsEntry: "hosts-entry", SiteState: "site-state", OriginState: "origin-state",
	WAFMatch: "waf-match",
}

// String gives the name used in the text form and in JSON.
func (k Kind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return "unknown"
}

// ParseKind is the inverse of String; KindUnknown for a name it does not know.
func ParseKind(s string) Kind {
	for k, name := range kindNames {
		if name == s {
			return Kind(k)
		}
	}
	return KindUnknown
}

// Notable reports whether an event is by itself a reason to look at its
// connection for a cause: by its kind, or by the error with which HTTP/2 was
// ended. That a stream is cancelled, and a connection retired, is the order of
// every day.
func (e *Event) Notable() bool {
	switch e.Kind {
	case ConnectFailed, RST, TLSFailed, Alert, HelloRequest, Irregular, Timeout,
		Retry, Incident, Hanging, AuthToken, BindFailed, SiteState, OriginState:
		return true
	case StreamReset, GoAway:
		return e.Text != "NO_ERROR" && e.Text != "CANCEL"
	}
	return false
}

// Attribute keys that Fold and the rules understand.
const (
	KeySNI         = "sni"                // server name in the ClientHello
	KeyALPN        = "alpn"               // offered (comma separated) or chosen protocol
	KeyVersion     = "version"            // negotiated TLS version: 1.0 1.1 1.2 1.3 ssl3
	KeyVersions    = "versions"           // offered TLS versions, highest first, comma separated
	KeyCipher      = "cipher"             // IANA name of the cipher suite
	KeyResumed     = "resumed"            // yes, no
	KeyPHA         = "pha"                // post_handshake_auth offered: yes, no
	KeyHelloBytes  = "bytes"              // length of the ClientHello message
	KeyIssuer      = "issuer"             // certificate issuer
	KeyNames       = "names"              // certificate names, comma separated
	KeyNotAfter    = "not_after"          // RFC 3339
	KeySHA256      = "sha256"             // hex
	KeyCAs         = "cas"                // distinguished names in a CertificateRequest, separated by "; "
	KeyCAsBytes    = "cas_bytes"          // how long that list is on the wire
	KeyTickets     = "tickets"            // fingerprints of tickets or session ids, offered or given, comma separated
	KeyShares      = "key_shares"         // groups the client sent keys for
	KeyEarlyData   = "early_data"         // ClientHello: yes, offered; TLSDone: yes or no, taken
	KeyRenegInfo   = "renegotiation_info" // ServerHello up to TLS 1.2: yes, no (RFC 5746)
	KeyDowngrade   = "downgrade"          // yes: the server says in its random that it could have spoken a higher version
	KeyChain       = "chain"              // how many certificates were sent
	KeyCAIssuers   = "ca_issuers"         // where the issuer's certificate can be fetched
	KeyUsage       = "key_usage"          // comma separated, as RFC 5280 names them; absent: not limited
	KeyExtUsage    = "ext_key_usage"      // the same of extended key usages
	KeyKey         = "key"                // of a certificate: kind and length, as RSA 2048 or ECDSA 256
	KeySignature   = "signature"          // with what the issuer signed the certificate, as SHA256-RSA
	KeyMustStaple  = "must_staple"        // yes: the certificate asks clients to insist on a stapled OCSP response
	KeyStatusAsked = "status_request"     // ClientHello in a capture: yes, the client wants one
	KeyAbout       = "about"              // of a stapled response: yes or no, it is about the certificate that was shown
	KeyThisUpdate  = "this_update"        // RFC 3339: from when on it holds
	KeyNextUpdate  = "next_update"        // RFC 3339: until when
	KeyBinding     = "binding"            // hex: channel binding that a certificate has, or that an NTLM token carries
	KeyProxied     = "client"             // whom the sender of a PROXY header speaks for
	KeyFault       = "fault"              // class of a TLS failure, see the Fault constants
	KeyLevel       = "level"              // warning, fatal
	KeyHTTP        = "http"               // 1.0, 1.1, 2
	KeyScheme      = "scheme"             // https, http
	KeyHost        = "host"               // authority of the request
	KeyStream      = "stream"             // HTTP/2 stream
	KeyProtocol    = "protocol"           // what an HTTP/2 CONNECT asks the stream to become (RFC 8441)
	KeyField       = "field"              // name of a header field
	KeyWaited      = "waited_ms"          // how long a wait had lasted, or all together
	KeyStep        = "step"               // 1, 2, 3 of an NTLM exchange; init, reply of SPNEGO
	KeyBy          = "by"                 // part of the door that decided; the address that says so, of what was not delivered
	KeySubStatus   = "substatus"          // what IIS would say beside the status: 5 of 404.5
	KeyWhere       = "where"              // part of the request they are in; the offset counts in the target, or in the field
	KeyWhat        = "what"               // site, origin
	KeyStrips      = "strips"             // field that the filter of a chosen site takes out of responses
	KeyCause       = "cause"              // one-line cause of an incident
	KeyLimit       = "limit_ms"           // length of the deadline that fired
	KeyOffset      = "offset"             // byte offset in the message
	KeyMTU         = "mtu"                // of the hop that a packet was too big for
	KeyTTL         = "ttl"                // TTL or hop limit a packet arrived with
	KeyUsualTTL    = "usual_ttl"          // that of the sender's other packets
	KeySYNTTL      = "syn_ttl"            // that of the sender's SYN, if it sent nothing else
	KeyWindow      = "window"             // the largest that was announced, bytes
	KeyScaling     = "scaling"            // of windows: yes; no, client-only, server-only: who offered it
	KeyTimes       = "times"              // how often
	KeySilent      = "silent_ms"          // how long no packet of the other side had come
	KeyClientBytes = "client_bytes"       // bytes the client sent on the wire
	KeyServerBytes = "server_bytes"       // bytes the server sent on the wire
	KeyPackets     = "packets"            // of the connection
	KeyReused      = "reused"             // yes: an exchange on a pooled connection that had served before
	KeyIdle        = "idle_ms"            // how long that connection had been idle
	KeySides       = "sides"              // guessed: only the ports tell who is client and who is server
	KeyResult      = "result"             // of a lookup, see the Result constants
	KeyRcode       = "rcode"              // response code, as RFC 6895 names it: NOERROR, NXDOMAIN, SERVFAIL
	KeyAddresses   = "addresses"          // of a name, comma separated
	KeyTook        = "took_ms"            // how long it took
	KeyDNS         = "dns"                // the connection that has the messages of a lookup: c3
	KeyType        = "type"               // of the record asked for: A, AAAA
	KeyRecursive   = "recursive"          // no: a name server asks another, not a client its own
	KeyCanonical   = "canonical"          // name at the end of a chain of CNAMEs
	KeyTTLSeconds  = "ttl_s"              // how long an answer may be kept, in seconds
	KeyCut         = "cut"                // yes: the answer did not fit, or was not captured to its end
	KeyPause       = "pause_ms"           // longest time without a byte of a response body, from its head on; given if it is worth a word
	KeySite        = "site"
	KeyState       = "state"
	KeyReason      = "reason"
	KeyHolder      = "holder" // program that holds an address
	KeyPID         = "pid"
	KeyOn          = "on" // the address it holds
	KeyErrno       = "errno"
	KeyBinds       = "binds"
	KeyWhenStopped = "when_stopped"
	KeyScore       = "score"     // of the WAF, that counts
	KeyThreshold   = "threshold" // which it is compared with
	KeyParanoia    = "paranoia"  // level up to which rules count
	KeyEngine      = "engine"    // of the WAF: plan, coraza
	KeyUnseen      = "unseen"    // bytes of the body that no rule saw; more: not known how many
	KeyRule        = "rule"      // id; of a filter the key of the configuration, or rule NAME
	KeySeverity    = "severity"  // of a rule
	KeyAdds        = "adds"      // to the score, of what counts
	KeyTarget      = "target"    // what a rule matched in, as ARGS:q
	KeyWithin      = "within"    // of a value in XML: the element or the attribute it stands in
	KeyValue       = "value"     // of it, as it stood, or a part
	KeyCompared    = "compared"  // the same as it was compared, where that differs
	KeySteps       = "steps"     // what transformations made of it: on each line the name of one and its outcome
	KeyMatched     = "matched"   // the part of it that the rule found
	KeyFurther     = "further"   // how many more values the rule matched in
)

// NoSourcePort is the text of ConnectFailed where the connecting machine had no
// port left.
const NoSourcePort = "no-source-port"

// Classes of TLS failure as a participant knows them (KeyFault).
const (
	FaultUnknownIssuer   = "unknown-issuer"
	FaultWrongName       = "wrong-name"
	FaultExpired         = "expired"
	FaultNotYetValid     = "not-yet-valid"
	FaultNoRenegotiation = "no-renegotiation"
	FaultAlert           = "alert"    // the peer refused with an alert
	FaultVersion         = "version"  // no version in common
	FaultCipher          = "cipher"   // no cipher suite in common
	FaultNotTLS          = "not-tls"  // the peer does not speak TLS
	FaultReset           = "reset"    // the peer closed or reset inside the handshake
	FaultTimeout         = "timeout"  // the handshake was not finished in time
	FaultRefused         = "refused"  // we refused: no certificate for this name on this address
	FaultKeyUsage        = "weak-key" // certificate or parameters not accepted (SHA-1, small RSA)
)

// Results of a lookup (KeyResult).
const (
	ResultFound    = "found"
	ResultNotFound = "not-found" // there is no such name, or it has no address
	ResultTimeout  = "timeout"   // nobody answered in time
	ResultFailed   = "failed"    // the resolver said that it cannot tell
)

// Ways in which a capture shows a connection otherwise than it was (the text of
// CaptureFlaw).
const (
	FlawOneSided = "one-sided"  // one side's packets are there, which answer those of the other, which are not
	FlawCut      = "cut"        // packets were kept in part (snap length)
	FlawMerged   = "merged"     // segments longer than the path takes: the network card divides or joins them
	FlawTwice    = "twice"      // packets were captured twice
	FlawClock    = "clock-back" // packets have times before those in front of them
)
