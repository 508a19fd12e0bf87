package app_test

import (
	"crypto/tls"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"fanlight/internal/testnet"
)

const doorConfig = `
limits: {header_timeout: 30s, body_timeout: 30s, tls_timeout: 30s, idle_timeout: 30s, header_bytes: 4KiB, target_bytes: 1KiB, header_fields: 20}
sites:
  app:
    bind: ["127.0.0.2:$PORT app.test", "http://127.0.0.3:$PORT app.test"]
    routes:
      - {path: /files/, files: www}
      - {path: /app/, to: "http://$ORIGIN"}
      - {path: /slow/, to: "http://$SLOW", timeouts: {first_byte: 20s}}
`

// firing is doorConfig with a limit that fires soon; the others only end what
// hangs.
func firing(limit string) string {
	return strings.Replace(doorConfig, limit+": 30s", limit+": 300ms", 1)
}

// Every fault of a client, with the message it sees.
func TestClientFaults(t *testing.T) {
	const host = "Host: app.test\r\n"
	post := func(framing string) string { return "POST /app/ HTTP/1.1\r\n" + host + framing + "\r\n" }
	for _, test := range []struct {
		name, request, status, cause string
		findings                     []string
	}{
		{"head too slow", "GET /app/ HTTP/1.1\r\nHost: app", "408", "", []string{"slow-sender-cut"}},
		{"body too slow", post("Content-Length: 10\r\n") + "half", "408", "", []string{"slow-sender-cut"}},
		{"head too large", "GET /app/ HTTP/1.1\r\n" + host + "X: " + strings.Repeat("x", 5000) + "\r\n\r\n", "431", "", []string{"request-header-too-large"}},
		{"too many fields", "GET /app/ HTTP/1.1\r\n" + host + strings.Repeat("X: y\r\n", 30) + "\r\n", "431", "", []string{"request-header-too-large"}},
		{"target too long", "GET /app/" + strings.Repeat("x", 2000) + " HTTP/1.1\r\n" + host + "\r\n", "414", "", []string{"request-header-too-large"}},
		{"two ways to frame", post("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n") + "0\r\n\r\n", "400", "", []string{"request-framing-ambiguous"}},
		{"two lengths", post("Content-Length: 5\r\nContent-Length: 6\r\n") + "hello", "400", "", []string{"request-framing-ambiguous"}},
		{"blank before a colon", "GET /app/ HTTP/1.1\r\n" + host + "X : y\r\n\r\n", "400", "", []string{"request-framing-ambiguous"}},
		{"folded field", "GET /app/ HTTP/1.1\r\n" + host + "X: y\r\n z\r\n\r\n", "400", "", []string{"request-framing-ambiguous"}},
		{"bare LF", "GET /app/ HTTP/1.1\n" + host + "\r\n", "400", "", []string{"request-framing-ambiguous"}},
		{"bad chunk size", post("Transfer-Encoding: chunked\r\n") + "0x5\r\nhello\r\n0\r\n\r\n", "400", "", []string{"request-framing-ambiguous"}},
		{"no host", "GET /app/ HTTP/1.1\r\n\r\n", "400", "", []string{"request-malformed"}},
		{"two hosts", "GET /app/ HTTP/1.1\r\n" + host + host + "\r\n", "400", "", []string{"request-malformed"}},
		{"control byte in target", "GET /app/\x01 HTTP/1.1\r\n" + host + "\r\n", "400", "", []string{"request-malformed"}},
		{"not HTTP", "EHLO app.test\r\n\r\n", "400", "", []string{"request-malformed"}},
		{"host of another site", "GET /app/ HTTP/1.1\r\nHost: other.test\r\n\r\n", "421", "other.test", []string{"sni-host-mismatch"}},
		{"no route", "GET /elsewhere HTTP/1.1\r\n" + host + "\r\n", "404", "/elsewhere", nil},
		{"no file", "GET /files/none.txt HTTP/1.1\r\n" + host + "\r\n", "404", "/files/none.txt", nil},
		{"no way out of the folder", "GET /files/%2e%2e/fanlight.yaml HTTP/1.1\r\n" + host + "\r\n", "404", "", nil},
		{"method of a file", "DELETE /files/hello.txt HTTP/1.1\r\n" + host + "\r\n", "405", "", nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			o := testnet.Echo{At: testnet.At{Plain: true}}.Start(t)
			config := doorConfig
			switch test.name {
			case "head too slow":
				config = firing("header_timeout")
			case "body too slow":
				config = firing("body_timeout")
			}
			d := serve(t, config, "$ORIGIN", o.Addr, "$SLOW", o.Addr)
			d.peer[o.Addr] = "127.0.0.1:8080"
			got := d.meet(true, test.request)
			if !strings.HasPrefix(got.wire, "HTTP/1.1 "+test.status) {
				t.Errorf("got %q, want status %s", got.wire, test.status)
			}
			if says(t, "cause", got.cause, test.cause); got.cause == "" {
				t.Error("no incident")
			}
			d.expectFindings(test.findings...)
			d.faultGolden("client: "+test.name, d.ended(), got)
			for _, r := range o.Requests() {
				if test.name != "body too slow" && test.name != "bad chunk size" {
					t.Errorf("the origin was given %+v", r)
				}
			}
		})
	}
}

// A client that leaves before the answer is recorded as such, and its origin
// connection with it.
func TestClientGivesUp(t *testing.T) {
	o := testnet.SilentAfterTLS{At: testnet.At{Plain: true}}.Start(t)
	d := serve(t, doorConfig, "$ORIGIN", o.Addr, "$SLOW", o.Addr)
	c, err := tls.Dial("tcp", "127.0.0.2:"+d.port, &tls.Config{ServerName: "app.test", RootCAs: d.roots()})
	must(t, err)
	_, err = io.WriteString(c, "GET /slow/ HTTP/1.1\r\nHost: app.test\r\n\r\n")
	must(t, err)
	o.Await(t, testnet.Opened, 1)
	time.Sleep(50 * time.Millisecond) // the origin has the request, or soon will
	c.Close()
	d.expectFindings("client-gave-up")
}

// What is no handshake, or none in time, ends with its reason on record.
func TestHandshakeFaults(t *testing.T) {
	for _, test := range []struct {
		name, send, answer, why string
		findings                []string
	}{
		{"says nothing", "", "", `closed "timeout: tls"`, nil},
		{"stops within its hello", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", "", `closed "timeout: tls"`, nil},
		{"speaks HTTP to the port of HTTPS", get, "This address speaks HTTPS. Use https:// instead of http://",
			`closed "the client spoke plain HTTP to a TLS address"`, []string{"plaintext-to-tls-port"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			d := serve(t, firing("tls_timeout"), "$ORIGIN", "127.0.0.1:9", "$SLOW", "127.0.0.1:9")
			c, err := net.Dial("tcp", "127.0.0.2:"+d.port)
			must(t, err)
			defer c.Close()
			_ = c.SetDeadline(time.Now().Add(wait))
			_, err = io.WriteString(c, test.send)
			must(t, err)
			answer, err := io.ReadAll(c)
			if err != nil && strings.Contains(err.Error(), "timeout") {
				t.Fatal("the door holds on to it")
			}
			c.Close()
			says(t, "answer", string(answer), test.answer)
			d.expectFindings(test.findings...)
			trace := d.ended()
			says(t, "record", trace.String(), test.why)
		})
	}
}
