package foreignlog

import (
	"strings"
	"time"
)

// haproxy reads the lines of `option httplog`, `httpslog` and `tcplog`, and
// those of connections that ended before there was a session; also behind what
// syslog writes in front. Times have no zone: they are the server's local time,
// when it accepted the connection or, of a later request, began to read it.
type haproxy struct{ zone *time.Location }

const haproxyTime = "02/Jan/2006:15:04:05.000"

func (p haproxy) parse(l *Line) bool {
	before, rest, at, found := p.stamp(l.Text)
	if !found {
		return false
	}
	l.Client = unbracketed(before[strings.LastIndexByte(before, ' ')+1:])
	l.Time, l.Tick = at.UTC(), time.Millisecond
	s := scan{rest: rest}
	frontend := s.word()
	if name, isError := strings.CutSuffix(frontend, ":"); isError {
		return haproxyConnection(l, name, s.rest)
	}
	backend, timers := s.word(), s.word()
	l.say("frontend", frontend)
	l.say("backend", backend)
	if s.failed || !strings.Contains(backend, "/") {
		return false
	}
	if strings.Count(timers, "/") == 2 {
		return haproxyTCP(l, &s, timers)
	}
	return haproxyHTTP(l, &s, timers)
}

// stamp finds the accept date.
func (p haproxy) stamp(text string) (before, rest string, at time.Time, found bool) {
	for i := range len(text) - len(haproxyTime) - 2 {
		if text[i] != '[' || text[i+len(haproxyTime)+1] != ']' || i == 0 {
			continue
		}
		at, err := time.ParseInLocation(haproxyTime, text[i+1:i+1+len(haproxyTime)], p.zone)
		if err == nil {
			return strings.TrimRight(text[:i], " "), text[i+len(haproxyTime)+2:], at, true
		}
	}
	return "", "", time.Time{}, false
}

func haproxyConnection(l *Line, frontend, text string) bool {
	text = strings.TrimSpace(text)
	l.say("frontend", frontend)
	l.say("text", text)
	l.AtEnd = true
	l.Meaning = Meaning{State: Fault, Kind: "HAProxy: " + text, Text: "HAProxy ended a connection before there was a request: " + text, Next: "Look at a capture."}
	if e := findText(haproxyErrors, text); e != nil {
		l.Meaning = e.meaning("HAProxy: " + text)
	}
	return text != ""
}

func haproxyTCP(l *Line, s *scan, timers string) bool {
	s.word()
	state := s.word()
	if s.failed || len(state) != 2 {
		return false
	}
	l.Words = append(l.Words, Word{"state", state})
	l.say("timers", timers)
	haproxyTimers(l, timers, "Tw Tc Tt")
	l.Meaning = haproxyMeaning(l, state)
	return true
}

func haproxyHTTP(l *Line, s *scan, timers string) bool {
	code := s.word()
	s.word()
	s.word()
	s.word()
	state := s.word()
	if s.failed || len(state) != 4 {
		return false
	}
	l.Status = status(strings.TrimPrefix(code, "-"))
	l.Words = append(l.Words, Word{"state", state})
	l.say("timers", timers)
	haproxyTimers(l, timers, "TR Tw Tc Tr Ta")
	if i := strings.IndexByte(s.rest, '"'); i >= 0 {
		s.rest = s.rest[i:]
		l.request(s.quoted())
		haproxyTLS(l, strings.TrimSpace(s.rest))
	}
	l.Meaning = haproxyMeaning(l, state)
	return true
}

// haproxyTLS takes what httpslog adds: five error codes, then the name, version
// and suite of TLS.
func haproxyTLS(l *Line, text string) {
	fields := strings.Fields(text)
	if len(fields) != 2 {
		return
	}
	l.say("errors", fields[0])
	l.Host, _, _ = strings.Cut(fields[1], "/")
	l.Host = first(l.Host, "-")
	l.say("tls", fields[1])
}

// haproxyTimers gives each timer that was reached as a word in milliseconds; -1
// is one that was not. The last is the whole.
func haproxyTimers(l *Line, timers, names string) {
	for i, value := range strings.Split(timers, "/") {
		if n := strings.Fields(names); i < len(n) {
			value = strings.TrimPrefix(value, "+") // option logasap
			if d, known := milliseconds(value); known {
				l.say(n[i], value)
				l.Took, l.TookKnown = d, i == len(n)-1
			}
		}
	}
}

// haproxyMeaning reads the termination state: who ended it or what ran out, and
// in which phase. A line whose state is clean may still carry a failure of the
// origin's own.
func haproxyMeaning(l *Line, state string) Meaning {
	if len(state) < 2 || state[:2] == "--" {
		m := httpMeaning("HAProxy ---- "+codes(l.Status), l.Status)
		if m.State == Fault {
			m = Meaning{State: Fault, Kind: m.Kind, Text: "The origin itself answered " + codes(l.Status) + "; HAProxy passed it on.", Next: "Look at the origin's own log of the same second."}
		}
		if l.Status == 0 {
			m.Kind = "HAProxy --"
		}
		return m
	}
	kind := "HAProxy " + state[:2]
	if strings.HasSuffix(l.Word("backend"), "/<NOSRV>") && state[:2] == "SC" {
		return Meaning{State: Fault, Kind: kind + " <NOSRV>", Text: "No server of this backend could take the request: all are down or disabled.",
			Next: "Look at the health checks: echo 'show servers state' | socat SOCKET -", Points: proof("no-usable-origin")}
	}
	for _, words := range []string{state[:2] + " " + codes(l.Status), state[:2], state[:1]} {
		if e := find(haproxyStates, words); e != nil {
			return e.meaning(kind)
		}
	}
	return Meaning{State: Fault, Kind: kind, Text: "HAProxy ended this with a state that is not known here.", Next: "Look at the manual, section 8.5."}
}

// The letters, some with the status; 0 is a line of TCP mode. HAProxy's manual,
// section 8.5 (configuration.txt), and what 2.6 wrote when
// the faults were made for it (see testdata/make.sh): a refused or a closed
// origin, a silent one, one that cuts its answer off, a slow client.
var haproxyStates = []entry{
	{"SC", Fault, "The origin could not be connected to: it refused, or its TLS handshake failed.", "Try the origin's address and port from this machine. With TLS: look at its certificate; HAProxy's log does not say which it was.",
		possible("port-closed", "origin-handshake-failed")},
	{"sC", Fault, "The origin could not be connected to in `timeout connect`: no answer to the attempt, or silence in the TLS handshake.", "Look for a firewall on the way, or for a port that does not speak TLS.",
		possible("syn-unanswered", "tls-to-plaintext-port", "large-clienthello-dropped")},
	{"SH", Fault, "The origin closed or reset before it had answered.", "Look at the origin at this second. On a reused idle connection it is a race: set `pool-purge-delay` below the origin's limit.",
		append(likely("origin-closed-without-answer"), possible("keepalive-race")...)},
	{"sH", Fault, "The origin took the request and did not answer in `timeout server`.", "Look why the origin is slow. If it asked for a new handshake, only a capture shows it.",
		append(likely("gateway-timeout"), possible("renegotiation-unanswered")...)},
	{"SD 0", Fault, "The origin broke the connection off.", "Look at the origin at this second.", possible("origin-closed-without-answer", "body-truncated")},
	{"sD 0", Fault, "Nothing came from the origin for longer than `timeout server`.", "Look whether the origin is slow, or the connection idle by nature (`timeout tunnel`).", possible("gateway-timeout", "ws-idle-cut")},
	{"cD 0", Fault, "Nothing came from the client for longer than `timeout client`. A client that waits for a slow origin is silent, too.", "Look whether the origin is slow; else whether the client or the network stalls.",
		possible("gateway-timeout", "receiver-stalls", "ws-idle-cut")},
	{"SD", Fault, "The origin ended before its answer was whole.", "Look at the origin at this second; the client got only a part.", likely("body-truncated")},
	{"sD", Fault, "The origin stopped in the middle for longer than `timeout server`.", "Look at the origin; the client got only a part. Of a tunnel: `timeout tunnel`.", possible("body-truncated", "ws-idle-cut")},
	{"CR", Normal, "The client left before it had sent a request.", "Normal: browsers and health checks open connections like this. If users report failures, look at a capture.", nil},
	{"cR", Fault, "The client did not send its request in time (`timeout http-request`, `timeout client`).", "A connection opened ahead of need looks the same and is harmless.", possible("slow-sender-cut")},
	{"CQ", Fault, "The client left while its request waited for a free place at a server.", "Look why the servers are full (maxconn).", append(proof("client-gave-up"), possible("slow-origin")...)},
	{"CC", Fault, "The client left while HAProxy was still connecting to the origin.", "Look why connecting takes so long.", append(proof("client-gave-up"), possible("syn-unanswered")...)},
	{"CH", Fault, "The client left while the origin was still busy with the answer.", "Compare how long it waited with the time limit of the client or of the proxy in front.", proof("client-gave-up")},
	{"cH", Fault, "The client stopped sending its request's body, and HAProxy gave up (`timeout client`).", "Look whether the client or the network stalls.", likely("slow-sender-cut")},
	{"CD", Fault, "The client left in the middle of the answer.", "Often a user who went on. If not, compare the duration with the client's time limit.", likely("client-gave-up")},
	{"cD", Fault, "The client neither read nor sent for longer than `timeout client`, in the middle of the answer.", "Look whether the client or the network stalls. Of a tunnel: `timeout tunnel`.", possible("receiver-stalls", "ws-idle-cut")},
	{"CL", Normal, "The client left while the last data were sent.", "Normal.", nil},
	{"SL", Fault, "The origin ended while the last data were sent.", "Look at the origin.", possible("body-truncated")},
	{"sQ", Fault, "The request waited longer than `timeout queue` for a free place at a server.", "Look why requests stay so long; maxconn only hides it.", likely("no-usable-origin")},
	{"SQ", Fault, "The request could not get a place in the queue.", "Look why requests stay so long.", likely("no-usable-origin")},
	{"PR 400", Fault, "HAProxy refused the request as malformed.", "Run: echo 'show errors' | socat SOCKET -  (it shows the bytes). TLS on a plain port looks the same.",
		possible("request-malformed", "tls-to-plaintext-port", "request-header-too-large")},
	{"PR", Fault, "HAProxy refused the request: a rule of the configuration, or a limit.", "Look at the `deny` rules of this frontend.", possible("request-filter-rejected")},
	{"PH", Fault, "The origin's answer is no valid HTTP, or its header is too large.", "Run: echo 'show errors' | socat SOCKET -  (it shows the bytes); tune.bufsize is the limit of the header.",
		possible("response-framing-conflict", "response-header-too-large", "plaintext-to-tls-port")},
	{"PD", Fault, "The body could not be understood and was cut off.", "Look at its chunks in a capture.", likely("response-framing-conflict")},
	{"PC", Fault, "HAProxy did not connect to the origin because of one of its own limits.", "Look at maxconn.", possible("no-usable-origin")},
	{"PT", Fault, "HAProxy held this client back and then refused it (tarpit).", "Look at the `tarpit` rules.", possible("request-filter-rejected")},
	{"RC", Fault, "HAProxy had no port, file or memory left for a connection with the origin.", "Look at ip_local_port_range and at ulimit -n.", likely("source-ports-exhausted")},
	{"LR", Normal, "HAProxy answered by itself, such as with a redirect.", "Normal.", nil},
	{"LH", Normal, "HAProxy answered by itself.", "Normal.", nil},
	{"L", Normal, "HAProxy answered by itself.", "Normal.", nil},
	{"D", Fault, "The session was killed because its server went down (on-marked-down).", "Look at the health checks.", possible("no-usable-origin")},
	{"U", Normal, "The session was killed because a preferred server came back (on-marked-up).", "Normal where that is configured.", nil},
	{"K", Fault, "An administrator killed the session.", "Look who did.", nil},
	{"R", Fault, "HAProxy ran out of a resource: memory, files or ports.", "Look at its own log of the same second.", possible("source-ports-exhausted")},
	{"I", Fault, "HAProxy met an internal error.", "Look at its own log of the same second; report it.", nil},
}

// Texts of connections that ended before there was a session.
var haproxyErrors = []entry{
	{"SSL handshake failure", Fault, "The TLS handshake with the client failed. The line does not say how.", "Log `%[ssl_fc_err_str]` with error-log-format, or look at a capture.",
		possible("private-ca-not-trusted-here", "version-mismatch", "plaintext-to-tls-port", "sni-unknown-alert")},
	{"Connection closed during SSL handshake", Normal, "A client connected and closed before its TLS handshake was done.", "Normal: health checks do that. If users report failures, look at a capture.", nil},
	{"Timeout during SSL handshake", Fault, "The client was silent in the TLS handshake.", "Are its packets lost on the way? Look at a capture.", possible("large-clienthello-dropped", "mtu-black-hole")},
	{"Connection error during SSL handshake", Fault, "The connection broke in the TLS handshake.", "Look at a capture.", nil},
	{"not look like a PROXY protocol header", Fault, "A PROXY header was expected, and something else came.", "Let both sides agree: send-proxy there, accept-proxy here.", proof("proxy-protocol-mismatch")},
	{"PROXY protocol header", Fault, "A PROXY header was expected and did not come whole.", "Let both sides agree: send-proxy there, accept-proxy here.", likely("proxy-protocol-mismatch")},
}
