package app_test

import (
	"crypto/tls"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"fanlight/internal/testnet"
)

const faultConfig = `
limits: {header_bytes: 4KiB, target_bytes: 1KiB}
sites:
  app:
    bind: ["127.0.0.2:$PORT app.test"]
    routes:
      - path: /
        to: $TO
        $TLS
        timeouts: {$FIRES}
`

func tlsLine(options string) string {
	if options == "" {
		return ""
	}
	return "tls: {" + options + "}"
}

// Every fault of an origin, with the message a user sees.
func TestOriginFaults(t *testing.T) {
	plain := testnet.At{Plain: true}
	trusted := func(o *testnet.Origin) string { return `name: localhost, ca: "` + caFile(t, o.CA) + `"` }
	peer := func(start func(testing.TB) *testnet.Origin, more string) func(*testing.T) (string, string, *testnet.Origin) {
		return func(t *testing.T) (string, string, *testnet.Origin) {
			o := start(t)
			options := []string{more}
			if strings.HasPrefix(o.URL(""), "https:") && !strings.Contains(more, "name:") {
				options = append(options, trusted(o))
			}
			return o.URL(""), strings.Trim(strings.Join(options, ", "), ", "), o
		}
	}
	at := func(addr string) func(*testing.T) (string, string, *testnet.Origin) {
		return func(*testing.T) (string, string, *testnet.Origin) { return "http://" + addr, "", nil }
	}
	silent := func(tune func(*tls.Config)) testnet.At { return testnet.At{Tune: tune} }
	for _, test := range []struct {
		name     string
		origin   func(*testing.T) (to, tls string, o *testnet.Origin)
		request  string // default GET /
		status   string // at the start of the answer
		cause    string
		findings []string
		fires    string // the timeout that is to fire; the others only end what hangs
	}{
		{"refused", at("127.0.0.1:" + freePort(t)), "", "502", "connection refused", []string{"port-closed"}, ""},
		{"unreachable", at("127.255.255.255:80"), "", "502", "network is unreachable", []string{"address-unreachable"}, ""},
		{"connect timeout", func(t *testing.T) (string, string, *testnet.Origin) { return at(testnet.BlackHole(t))(t) },
			"", "504", "not done within 300ms (timeout: connect)", []string{"syn-unanswered"}, "connect: 300ms"},
		{"unknown issuer", peer(testnet.Echo{}.Start, "name: localhost"), "", "502", "name its certificate in `tls.ca`", []string{"private-ca-not-trusted-here"}, ""},
		{"wrong name", func(t *testing.T) (string, string, *testnet.Origin) {
			o := testnet.Echo{}.Start(t)
			return o.URL(""), `name: other.internal, ca: "` + caFile(t, o.CA) + `"`, o
		}, "", "502", "say the name it has in `tls.name`", []string{"certificate-name-mismatch"}, ""},
		{"expired", peer(testnet.Echo{At: testnet.At{Leaf: testnet.Leaf{}.Expired()}}.Start, ""), "", "502", "renew the origin's certificate", []string{"certificate-date-invalid"}, ""},
		{"not yet valid", peer(testnet.Echo{At: testnet.At{Leaf: testnet.Leaf{}.NotYetValid()}}.Start, ""), "", "502", "", []string{"certificate-date-invalid"}, ""},
		{"TLS version", peer(testnet.Echo{At: silent(func(c *tls.Config) { c.MinVersion, c.MaxVersion = tls.VersionTLS10, tls.VersionTLS11 })}.Start, ""),
			"", "502", "`tls.min` and `tls.max`", []string{"version-mismatch"}, ""},
		{"client certificate required", peer(testnet.Echo{At: silent(func(c *tls.Config) { c.ClientAuth = tls.RequireAnyClientCert })}.Start, ""),
			"", "502", "certificate", []string{"client-certificate-not-sent"}, ""},
		{"not TLS", func(t *testing.T) (string, string, *testnet.Origin) {
			server := httptest.NewServer(http.NotFoundHandler())
			t.Cleanup(server.Close)
			return strings.Replace(server.URL, "http:", "https:", 1), "insecure: true", nil
		}, "", "502", "write `http://` in `to`", []string{"tls-to-plaintext-port"}, ""},
		{"TLS timeout", peer(testnet.Silent{}.Start, ""), "", "504", "not done within 1.2s (timeout: tls)", []string{"accepted-but-silent"}, "tls: 1200ms"},
		{"first byte", peer(testnet.SilentAfterTLS{}.Start, ""), "", "504", "no response within 300ms (timeout: first byte)", []string{"gateway-timeout"}, "first_byte: 300ms"},
		{"between bytes", peer(testnet.Raw{At: plain, Open: true, Responses: []string{"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf"}}.Start, ""),
			"", "200", "", []string{"body-truncated"}, "between: 300ms"},
		{"reset mid body", peer(testnet.ResetMidBody{At: plain, Length: 10}.Start, ""), "", "200", "", []string{"body-truncated"}, ""},
		{"end mid chunks", peer(testnet.ResetMidBody{At: plain, Length: 10, Chunked: true, End: testnet.FIN}.Start, ""), "", "200", "", []string{"body-truncated"}, ""},
		{"closes without an answer", peer(testnet.Raw{At: plain, Responses: []string{""}}.Start, ""), "", "502", "without a response", []string{"origin-closed-without-answer"}, ""},
		{"resets without an answer", peer(testnet.Raw{At: plain, Responses: []string{""}, End: testnet.RST}.Start, ""), "", "502", "reset the connection", []string{"origin-closed-without-answer"}, ""},
		{"garbage", peer(testnet.Raw{At: plain, Responses: []string{"+OK POP3 ready\r\n"}, Open: true}.Start, ""), "", "502", "bad response", []string{"response-malformed"}, ""},
		{"two lengths", peer(testnet.Raw{At: plain, Responses: []string{"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"}}.Start, ""),
			"", "502", "bad response", []string{"response-framing-conflict"}, ""},
		{"renegotiation refused", peer(testnet.LateAsker{}.Start, "renegotiation: never"), "/secure", "502", "`renegotiation: never` refuses it", []string{"renegotiation-refused"}, ""},
		{"renegotiation limit", peer(testnet.LateAsker{Times: 2}.Start, "renegotiation: once"), "/secure", "502", "set `renegotiation: freely`", []string{"renegotiation-limit"}, ""},
		{"renegotiation without end", peer(testnet.SilentAfterHelloRequest{}.Start, ""), "/secure", "504", "after it asked for a renegotiation", []string{"renegotiation-unfinished"}, "first_byte: 300ms"},
	} {
		t.Run(test.name, func(t *testing.T) {
			to, tlsOptions, o := test.origin(t)
			d := serve(t, faultConfig, "$TO", to, "$TLS", tlsLine(tlsOptions), "$FIRES", test.fires)
			_, addr, _ := strings.Cut(to, "//")
			if o != nil || strings.HasPrefix(addr, "127.0.0.1:") {
				d.peer[addr] = "127.0.0.1:8080"
			}
			request := get
			if test.request != "" {
				request = strings.Replace(get, "/", test.request, 1)
			}
			began := time.Now()
			got := d.meet(true, request)
			if !strings.HasPrefix(got.wire, "HTTP/1.1 "+test.status) {
				t.Errorf("got %q, want status %s", got.wire, test.status)
			}
			says(t, "cause", got.cause, test.cause)
			if spent := time.Since(began); spent > wait/2 {
				t.Errorf("it took %s: no timeout with a name ended it", spent)
			}
			d.expectFindings(test.findings...)
			d.faultGolden(test.name, d.ended(), got)
		})
	}
}
