package app_test

import (
	"bufio"
	"crypto/tls"
	"encoding/asn1"
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"fanlight/internal/testnet"
)

// signInFaults are those of sign-ins, which clients make with origins through
// the door.
func signInFaults() []liveFault {
	return []liveFault{
		{rule: "server-header-stripped-reauth", fault: "the site's filter removes the Server header", inject: func(l *live) {
			o := testnet.NTLMOrigin{}.Start(l.t)
			l.serve(strings.TrimSpace(l.to("/", o.URL(""), l.trusting(o, "name: localhost"))) + "\n    filter: {server_header: remove}")
			before := len(clientConns(l.Trace()))
			w := &windows{d: l.door, scheme: "NTLM"}
			for i := range 4 {
				w.get(fmt.Sprintf("/page%d", i))
			}
			l.askAbout("", before+3)
		}},
		{rule: "server-header-stripped-reauth", fault: "responses have no Server header", inject: func(l *live) {
			l.before(testnet.NTLMOrigin{NoServerHeader: true}.Start(l.t))
			before := len(clientConns(l.Trace()))
			w := &windows{d: l.door, scheme: "NTLM"}
			for i := range 4 {
				w.get(fmt.Sprintf("/page%d", i))
			}
			l.askAbout("", before+3)
		}},
		{rule: "ntlm-handshake-split", fault: "a gateway before spreads the steps of a sign-in", inject: func(l *live) {
			l.before(testnet.NTLMOrigin{}.Start(l.t))
			before := len(clientConns(l.Trace()))
			one, two := l.dial(), l.dial()
			l.on(one, request("GET", "/", "Authorization: NTLM "+testnet.NTLMNegotiate()))
			l.on(two, request("GET", "/", "Authorization: NTLM "+testnet.NTLMAuthenticate("anna")))
			one.Close()
			two.Close()
			l.askAbout("", before+1)
		}},
		{rule: "ntlm-identity-leak", fault: "a gateway before mixes two users", inject: func(l *live) {
			l.before(testnet.NTLMOrigin{}.Start(l.t))
			l.inTurn(
				request("GET", "/", "X-Forwarded-For: 192.0.2.1", "Authorization: NTLM "+testnet.NTLMNegotiate()),
				request("GET", "/", "X-Forwarded-For: 192.0.2.1", "Authorization: NTLM "+testnet.NTLMAuthenticate("anna")),
				request("GET", "/", "X-Forwarded-For: 192.0.2.2"))
		}},
		{rule: "via-header-breaks-persistence", fault: "the origin forgets who sends Via", inject: func(l *live) {
			l.serve(l.to("/", "http://"+l.signsIn(forgetful)))
			l.inTurn(signingIn(4, "Via: 1.1 proxy")...)
		}},
		{rule: "auth-repeated-per-request", fault: "the origin signs in each request", inject: func(l *live) {
			l.serve(l.to("/", "http://"+l.signsIn(forgetful)))
			l.inTurn(signingIn(4)...)
		}},
		{rule: "auth-connection-closed-midway", fault: "the origin closes with its challenge", inject: func(l *live) {
			l.serve(l.to("/", "http://"+l.signsIn(func(step int) string {
				if step == 1 {
					return "HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: NTLM " + testnet.NTLMChallenge() + "\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
				}
				return forgetful(0)
			})))
			l.inTurn(request("GET", "/", "Authorization: NTLM "+testnet.NTLMNegotiate()))
		}},
		{rule: "negotiate-fell-back-to-ntlm", fault: "a client has no Kerberos ticket", inject: func(l *live) {
			l.before(testnet.NTLMOrigin{Scheme: "Negotiate"}.Start(l.t))
			l.inTurn(request("GET", "/"), request("GET", "/", "Authorization: Negotiate "+testnet.NTLMNegotiate()),
				request("GET", "/", "Authorization: Negotiate "+testnet.NTLMAuthenticate("anna")))
		}},
		{rule: "kerberos-wrong-key", fault: "the origin cannot decrypt the ticket", inject: func(l *live) { l.kerberos(41) }},
		{rule: "kerberos-clock-skew", fault: "the origin's clock is off", inject: func(l *live) { l.kerberos(37) }},
		{rule: "no-credentials-offered", fault: "a browser does not sign in", inject: func(l *live) {
			l.before(testnet.NTLMOrigin{}.Start(l.t))
			l.inTurn(request("GET", "/", "User-Agent: Mozilla/5.0"), request("GET", "/", "User-Agent: Mozilla/5.0"))
		}},
		{rule: "preflight-challenged", fault: "the origin wants a sign-in for OPTIONS", inject: func(l *live) {
			l.before(testnet.NTLMOrigin{}.Start(l.t))
			l.inTurn(request("OPTIONS", "/api", "Origin: https://other.test", "Access-Control-Request-Method: PUT"))
		}},
		{rule: "loopback-check-401", fault: "IIS on the same machine refuses under another name", inject: func(l *live) {
			l.serve(l.to("/", "http://"+l.signsIn(func(step int) string {
				if step == 3 {
					return forgetful(0)
				}
				return forgetful(step)
			})))
			l.inTurn(signingIn(1)...)
		}},
		{rule: "channel-binding-mismatch", fault: "the sign-in is bound to the door's certificate", inject: func(l *live) {
			cert := testnet.NewCA(l.t, "Origin").Issue(l.t, testnet.Leaf{}).TLS()
			addr := listener(testingT(l), func(raw net.Conn) {
				answerSteps(tls.Server(raw, &tls.Config{Certificates: []tls.Certificate{cert}}), func(step int) string { return forgetful(step % 3) })
			})
			l.serve(l.to("/", "https://"+addr, "tls: {insecure: true}"))
			l.inTurn(request("GET", "/", "Authorization: NTLM "+testnet.NTLMNegotiate()),
				request("GET", "/", "Authorization: NTLM "+testnet.NTLMBound("anna", [16]byte([]byte("of another place")))))
		}},
	}
}

// inTurn makes requests on one connection.
func (l *live) inTurn(requests ...string) {
	l.t.Helper()
	l.several(1, requests...)
}

// signingIn are the requests of a client that signs in anew each time.
func signingIn(times int, fields ...string) (requests []string) {
	for range times {
		for _, token := range []string{"", testnet.NTLMNegotiate(), testnet.NTLMAuthenticate("anna")} {
			more := fields
			if token != "" {
				more = append([]string{"Authorization: NTLM " + token}, fields...)
			}
			requests = append(requests, request("GET", "/", more...))
		}
	}
	return requests
}

// forgetful is how an IIS answers each step of a sign-in that it forgets with
// the request.
func forgetful(step int) string {
	switch step {
	case 1:
		return "HTTP/1.1 401 Unauthorized\r\nServer: Microsoft-IIS/10.0\r\nWWW-Authenticate: NTLM " + testnet.NTLMChallenge() + "\r\nContent-Length: 0\r\n\r\n"
	case 3:
		return "HTTP/1.1 200 OK\r\nServer: Microsoft-IIS/10.0\r\nContent-Length: 2\r\n\r\nok"
	}
	return "HTTP/1.1 401 Unauthorized\r\nServer: Microsoft-IIS/10.0\r\nWWW-Authenticate: NTLM\r\nContent-Length: 0\r\n\r\n"
}

// signsIn is an origin without TLS that answers by the step of the sign-in: 0
// is none.
func (l *live) signsIn(answer func(step int) string) (addr string) {
	return listener(testingT(l), func(c net.Conn) { answerSteps(c, answer) })
}

func answerSteps(c net.Conn, answer func(step int) string) {
	r := bufio.NewReader(c)
	for {
		req, err := http.ReadRequest(r)
		if err != nil {
			return
		}
		_, token, _ := strings.Cut(req.Header.Get("Authorization"), " ")
		raw, _ := base64.StdEncoding.DecodeString(token) // a bad one is no step
		step := 0
		if len(raw) > 8 {
			step = int(raw[8])
		}
		said := answer(step)
		if _, err := io.WriteString(c, said); err != nil || strings.Contains(said, "Connection: close") {
			return
		}
	}
}

// kerberos has an origin refuse a ticket with an error code of RFC 4120.
func (l *live) kerberos(code int) {
	l.t.Helper()
	refusal := gss(3, krbError(l, code))
	l.serve(l.to("/", "http://"+l.signsIn(func(int) string {
		return "HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Negotiate " + refusal + "\r\nContent-Length: 0\r\n\r\n"
	})))
	l.inTurn(request("GET", "/", "Authorization: Negotiate "+gss(1, "\x6e\x03\x30\x01\x00")))
}

// krbError is a KRB-ERROR (RFC 4120, section 5.9.1).
func krbError(l *live, code int) string {
	l.t.Helper()
	text := func(s string) asn1.RawValue { return asn1.RawValue{Tag: 27, Bytes: []byte(s)} } // GeneralString
	inContext := func(tag int, v asn1.RawValue) asn1.RawValue {
		raw, err := asn1.Marshal(v)
		must(l.t, err)
		return asn1.RawValue{Class: asn1.ClassContextSpecific, Tag: tag, IsCompound: true, Bytes: raw}
	}
	type service struct {
		Type  int             `asn1:"explicit,tag:0"`
		Parts []asn1.RawValue `asn1:"explicit,tag:1"`
	}
	raw, err := asn1.MarshalWithParams(struct {
		Version int       `asn1:"explicit,tag:0"`
		Type    int       `asn1:"explicit,tag:1"`
		Time    time.Time `asn1:"generalized,explicit,tag:4"`
		Micro   int       `asn1:"explicit,tag:5"`
		Code    int       `asn1:"explicit,tag:6"`
		Realm   asn1.RawValue
		Service service `asn1:"explicit,tag:10"`
	}{5, 30, time.Now().UTC().Truncate(time.Second), 0, code, inContext(9, text("EXAMPLE.TEST")),
		service{2, []asn1.RawValue{text("HTTP"), text("app.test")}}}, "explicit,application,tag:30")
	must(l.t, err)
	return string(raw)
}

// gss frames a Kerberos message in base64 (RFC 4121, section 4.1).
func gss(id byte, message string) string {
	const kerberos = "\x06\x09\x2a\x86\x48\x86\xf7\x12\x01\x02\x02"
	inner := kerberos + string([]byte{id, 0}) + message
	return base64.StdEncoding.EncodeToString([]byte("\x60" + string([]byte{0x81, byte(len(inner))}) + inner))
}
